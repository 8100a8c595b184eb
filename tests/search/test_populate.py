"""Smaller networks' weights: what is left out must be what matters least."""

from __future__ import annotations

import numpy as np
import pytest
from support.compiled import tiny

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.search.netadapt.channels import channels_of
from mnv3gen.search.netadapt.populate import Importance, Weights, populated, scores
from mnv3gen.search.netadapt.shrink import resized, sites
from mnv3gen.tables.zoo import get

pytest.importorskip("torch")
pytestmark = pytest.mark.torch
EVERY: list[Importance] = ["l1", "l2", "bn-scale"]


def silenced(weights: Weights, conv: str, channels: list[int]) -> None:
    """Make some channels of a convolution 0: no filter, and no scale or shift."""
    weights[f"{conv}.weight"][channels] = 0
    for part in ("weight", "bias", "running_mean"):
        weights[f"{conv}.bn.{part}"][channels] = 0


@pytest.mark.parametrize("importance", EVERY)
@pytest.mark.parametrize("name", ["bneck2.expand", "bottlenecks 8"])
def test_channels_of_nothing_are_left_out(name: str, importance: Importance) -> None:
    """Without channels that are always 0 the network computes what it computed before."""
    network = tiny()
    graph = expand(network)
    weights = dict(seeded_weights(graph, 3))
    (site,) = [it for it in sites(network) if it.name == name]
    dead = {"bneck2.expand": [1, 4, 6, 7, 10, 13, 20, 22], "bottlenecks 8": [0, 2, 5, 7]}[name]
    if name == "bneck2.expand":
        silenced(weights, "bneck2.expand", dead)
        silenced(weights, "bneck2.depthwise", dead)
    else:  # a residual adds the stem's
        silenced(weights, "conv2d1", dead)
        silenced(weights, "bneck1.project", dead)
    smaller = resized(network, site, site.size - len(dead))
    found = populated(weights, network, smaller, importance, 0)
    small = expand(smaller)
    assert {key: it.shape for key, it in found.items()} == parameter_shapes(small)
    data = seeded_input(graph.input_shape)
    (expected,) = run(graph, weights, data).values()
    (computed,) = run(small, found, data).values()
    np.testing.assert_allclose(computed, expected, rtol=1e-5, atol=1e-5)


def test_scores_by_hand() -> None:
    """A filter of (3, 4) after folding by gamma 2 and variance 1 has norms 14 and 10."""
    network = tiny()
    graph = expand(network)
    weights = dict(seeded_weights(graph, 0))
    channels = channels_of(graph)
    group = channels.by_tensor["bneck1.expand"]
    filters = np.zeros((16, 8, 1, 1), np.float32)
    filters[5, :2, 0, 0] = 3, 4
    weights |= {
        "bneck1.expand.weight": filters,
        "bneck1.expand.bn.weight": np.full(16, 2, np.float32),
        "bneck1.expand.bn.running_var": np.full(16, 1 - graph.bn_eps, np.float32),
    }
    expected = {"l1": 14.0, "l2": 10.0, "bn-scale": 2.0}
    for name, value in expected.items():
        found = scores(graph, group, weights, name)  # type: ignore[arg-type]
        assert found[5] == pytest.approx(value, rel=1e-6)
    assert scores(graph, group, weights, "l1")[4] == 0


def test_what_a_residual_ties() -> None:
    """V3-Large's bnecks 14 and 15 add to what bneck 13 makes: one group of three producers."""
    channels = channels_of(expand(get("mobilenet_v3_large")))
    group = channels.by_tensor["bneck13.project"]
    names = [conv.name for conv in group.producers]
    assert names == ["bneck13.project", "bneck14.project", "bneck15.project"]
    gated = channels.by_tensor["bneck15.depthwise"]
    assert "bneck15.se.excite" in gated.tensors
    assert [conv.name for conv in gated.producers] == ["bneck15.expand"]
    assert not channels.by_tensor["input"].free


def test_what_is_missing_is_random() -> None:
    network = tiny()
    (site,) = [it for it in sites(network) if it.name == "bneck1.expand"]
    smaller = resized(network, site, 8 + 4)
    weights = dict(seeded_weights(expand(network), 0))
    del weights["conv2d2.bias"]
    first, second = (populated(weights, network, smaller, "l2", seed) for seed in (1, 1))
    assert first.keys() == parameter_shapes(expand(smaller)).keys()
    assert all(np.array_equal(first[key], second[key]) for key in first)

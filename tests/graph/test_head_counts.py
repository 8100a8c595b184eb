"""Detection and segmentation networks: counts known elsewhere, and execution (6.3, 6.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.onnx_graph import run_onnx, to_onnx

from mnv3gen.graph.count import Count, count
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Add
from mnv3gen.graph.profile import profiler_madds
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.zoo import names, resolve

DETECTORS = [name for name in names() if name.startswith("ssdlite_")]
SEGMENTERS = [name for name in names() if "raspp_" in name]
TOLERANCE = 1e-4  # of the largest output: single precision against double, through 60 layers


def total(name: str, **changes: Any) -> Count:
    return count(expand(resolve(name, **changes)))


def test_there_are_networks_to_test() -> None:
    assert (len(DETECTORS), len(SEGMENTERS)) == (5, 6)


# Millions of parameters without batch normalization: table 6's rows, to more digits.
@pytest.mark.parametrize(
    ("name", "changes", "params"),
    [
        ("mobilenet_v1", {"classes": 81}, "5.063"),
        ("mobilenet_v1", {}, "5.210"),
        ("mobilenet_v2", {"classes": 81}, "4.286"),
        ("mobilenet_v2", {}, "4.450"),
        ("mnasnet_a1", {}, "4.8795"),
        ("mnasnet_a1", {"width": "0.35"}, "1.0236"),
        ("mnasnet_a1", {"width": "0.5"}, "1.6788"),
    ],
)
def test_parameters_of_detectors(name: str, changes: dict[str, Any], params: str) -> None:
    found = total(f"ssdlite_{name}", **changes).params_without_bn / 1e6
    assert f"{found:.{len(params) - 2}f}" == params


def test_multiply_adds_of_detectors() -> None:
    assert round(total("ssdlite_mobilenet_v2", classes=81).madds / 1e9, 3) == 0.789
    assert round(total("ssdlite_mobilenet_v2").madds / 1e9, 3) == 0.804
    assert round(total("ssdlite_mobilenet_v2", width="0.35").madds / 1e9, 4) == 0.1667
    small = expand(resolve("ssdlite_mobilenet_v3_small", variants=["reduced"]))
    assert round(profiler_madds(small) / 1e9, 4) == 0.1652
    # The released detector's configuration says 1.02B float operations.
    large = expand(resolve("ssdlite_mobilenet_v3_large", variants=["reduced"]))
    assert round(2 * profiler_madds(large) / 1e9, 3) == 1.025


def with_6_anchors_on_c4(network: Network) -> Network:
    """Give the first map as many anchors as the others, as torchvision does."""

    def doubled(row: Row) -> Row:
        if row.labels not in ((("boxes1", ""),), (("scores1", ""),)):
            return row
        return replace(row, out=2 * row.out, per_class=2 * row.per_class)

    return replace(network, rows=tuple(map(doubled, network.rows)))


def test_torchvisions_detector() -> None:
    network = resolve("ssdlite_mobilenet_v3_large", variants=["reduced"])
    theirs = count(expand(with_6_anchors_on_c4(network)))
    # 3 anchors of 4 + 91 numbers, of 672 channels and a bias.
    assert theirs.params - total(network.name, variants=["reduced"]).params == 191_805
    assert 3 * (4 + 91) * (672 + 1) == 191_805
    assert theirs.params == 3_440_060


def test_torchvisions_segmentation_network() -> None:
    """Their skip connection is the output of bneck 4, and their gate has no bias: 128 less."""
    network = resolve("lraspp_mobilenet_v3_large", classes=21)
    rows = list(network.rows)
    rows[4] = replace(rows[4], labels=(("skip", ""),))
    rows[6] = replace(rows[6], labels=())
    theirs = count(expand(replace(network, rows=tuple(rows))))
    assert theirs.params == 3_221_538 + 128


@pytest.mark.parametrize(
    ("name", "variants", "params"),
    [
        ("raspp_mobilenet_v3_large", ["rf2"], 1.7624),
        ("lraspp_mobilenet_v3_large", ["rf2", "f256"], 1.6329),
        ("lraspp_mobilenet_v3_large", ["rf2"], 1.5072),
        ("lraspp_mobilenet_v3_small", ["rf2"], 0.4688),
    ],
)
def test_parameters_of_segmentation(name: str, variants: list[str], params: float) -> None:
    assert round(total(name, variants=variants).params / 1e6, 4) == params


@pytest.mark.parametrize("width", ["1.0", "0.5", "0.35"])
def test_dilation_is_free(width: str) -> None:
    """Output stride 16 costs positions of the last block, and no parameters."""
    fine = total("lraspp_mobilenet_v2", width=width)
    coarse = total("lraspp_mobilenet_v2", width=width, variants=["os32"])
    assert fine.params == coarse.params
    assert fine.madds > coarse.madds


def test_the_residual_of_smalls_rf2() -> None:
    """At output stride 16 bneck 9 has 48 channels in and out and does not stride (TF's code)."""

    def residuals(*variants: str) -> int:
        graph = expand(resolve("lraspp_mobilenet_v3_small", variants=variants))
        return sum(isinstance(node, Add) for node in graph.nodes)

    assert residuals("rf2") == residuals() + 1 == residuals("rf2", "os32") + 1


@pytest.mark.parametrize("name", DETECTORS + SEGMENTERS)
def test_any_size_expands_and_counts(name: str) -> None:
    sizes = ["64x64", "65x97", "320x320", "513x1025", "1025x2049"]
    counts = [total(name, resolution=size) for size in sizes]
    assert len({each.params for each in counts}) == 1
    madds = [each.madds for each in counts]
    assert madds == sorted(set(madds))


@pytest.mark.parametrize("name", DETECTORS + SEGMENTERS)
def test_networks_as_onnxruntime(name: str) -> None:
    graph = expand(resolve(name, resolution="33x50"))
    weights, data = seeded_weights(graph, seed=5), seeded_input(graph.input_shape)
    found = run(graph, weights, data)
    assert tuple(found) == graph.outputs
    for ours, theirs in zip(found.values(), run_onnx(to_onnx(graph, weights), data), strict=True):
        assert ours.shape == theirs.shape[1:]
        assert np.abs(ours - theirs[0]).max() <= TOLERANCE * np.abs(theirs).max()

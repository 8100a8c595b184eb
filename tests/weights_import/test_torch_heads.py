"""torchvision's detector and segmentation network: what was imported computes what torch computes.

torch's outputs are those before logits are resized to the picture, or boxes decoded.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mnv3gen.detection.heads import read_heads
from mnv3gen.errors import WeightsError
from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.tables.network import Network
from mnv3gen.tables.zoo import resolve
from mnv3gen.weights_import import import_weights

torch = pytest.importorskip("torch")
models: Any = pytest.importorskip("support.torch_models")
heads: Any = pytest.importorskip("support.torch_heads")

pytestmark = pytest.mark.torch

DETECTOR, SEGMENTER = "ssdlite_mobilenet_v3_large", "lraspp_mobilenet_v3_large"
MODELS = {DETECTOR: heads.SsdLite, SEGMENTER: heads.LiteRaspp}
SIZES = {DETECTOR: "96x96", SEGMENTER: "72x104"}  # stride 8: 9x13, stride 16: 5x7
GATE = "classifier.scale.1.weight"
TOLERANCE = 1e-4  # of the largest output


@functools.cache
def trained(name: str) -> Any:
    """A model with random weights and statistics, made once."""
    return models.randomized(MODELS[name](), side=96)


def torchvisions(name: str, **changes: Any) -> Network:
    return resolve(name, resolution=SIZES[name], variants=["torchvision"], **changes)


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(name: str, tmp_path: Path) -> Path:
    """The state_dict of one of both."""
    torch.save(trained(name).state_dict(), tmp_path / "w.pth")
    return tmp_path / "w.pth"


def outputs(network: Network, path: Path) -> tuple[dict[str, Any], npt.NDArray[np.float32]]:
    """The reference executor's outputs by name, and the input."""
    graph = expand(network)
    data = seeded_input(graph.input_shape, seed=3)
    found = run(graph, import_weights(path, network).weights, data)
    names = network.outputs or ("logits",)
    return dict(zip(names, found.values(), strict=True)), data


def error(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("name", [SEGMENTER], indirect=True)
def test_the_same_logits(path: Path) -> None:
    found, data = outputs(torchvisions(SEGMENTER), path)
    theirs = models.scores(trained(SEGMENTER), data).transpose(1, 2, 0)
    assert theirs.shape == (9, 13, 21)
    assert error(found["logits"], theirs) < TOLERANCE


@pytest.mark.parametrize("name", [DETECTOR], indirect=True)
def test_the_same_boxes_and_scores(path: Path) -> None:
    found, data = outputs(torchvisions(DETECTOR), path)
    theirs = models.scores(trained(DETECTOR), data)
    ours = read_heads(found)
    assert ours.maps == ((6, 6), (3, 3), (2, 2), (1, 1), (1, 1), (1, 1))
    first = 0
    for height, width in ours.maps:
        part = slice(first, first + 6 * height * width)
        assert error(ours.codes[part], theirs[part, :4]) < TOLERANCE
        assert error(ours.logits[part], theirs[part, 4:]) < TOLERANCE
        first = part.stop
    assert first == len(theirs)


@pytest.mark.parametrize(
    ("name", "public", "bias"), [(DETECTOR, 3_440_060, 0), (SEGMENTER, 3_221_538, 128)]
)
def test_public_numbers_of_parameters(name: str, public: int, bias: int) -> None:
    """Our gate has a bias for each of its 128 channels, as every convolution without BN here."""
    assert models.parameter_count(trained(name)) == public
    assert count(expand(torchvisions(name))).params == public + bias


def test_what_is_recorded(name: str, path: Path) -> None:
    imported = import_weights(path, torchvisions(name))
    assert imported.source == "torchvision"
    assert imported.warnings == ()
    recorded = {key: imported.metadata[key] for key in ("padding", "bn_eps", "preprocess")}
    pictures = "whole" if name == DETECTOR else "imagenet"
    assert recorded == {"padding": "symmetric", "bn_eps": "0.001", "preprocess": pictures}


@pytest.mark.parametrize("name", [SEGMENTER], indirect=True)
def test_a_gate_without_bias_gets_zeros(path: Path) -> None:
    imported = import_weights(path, torchvisions(SEGMENTER))
    (gate,) = (ours for ours, theirs in imported.assigned if theirs == GATE)
    assert not imported.weights[f"{gate}.bias"].any()
    assert f"no bias in the file, zeros instead: {GATE}" in imported.notes
    assert imported.metadata["resize"] == "half_pixel"


def test_a_file_without_an_order_is_matched_as_well(name: str, path: Path) -> None:
    from safetensors.torch import save_file

    save_file(trained(name).state_dict(), path.with_suffix(".safetensors"))
    network = torchvisions(name)
    ordered = import_weights(path, network)
    assert import_weights(path.with_suffix(".safetensors"), network).assigned == ordered.assigned


def test_the_papers_form_names_the_variant(name: str, path: Path) -> None:
    with pytest.raises(WeightsError, match="expected: --variant torchvision"):
        import_weights(path, resolve(name))


@pytest.mark.parametrize(("name", "classes"), [(DETECTOR, 91), (SEGMENTER, 21)], indirect=["name"])
def test_other_classes_are_named(name: str, classes: int, path: Path) -> None:
    with pytest.raises(WeightsError, match=f"expected: --classes {classes}"):
        import_weights(path, torchvisions(name, classes=5))

"""Networks of torchvision and timm: what was imported computes what torch computes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnv3gen.errors import WeightsError
from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.tables.network import Network
from mnv3gen.tables.scaling import with_classes
from mnv3gen.tables.zoo import resolve
from mnv3gen.weights_import import import_weights

torch = pytest.importorskip("torch")
models: Any = pytest.importorskip("support.torch_models")

pytestmark = pytest.mark.torch

SIDE = 64
TOLERANCE = 1e-4  # of the largest output


def large(padding: str = "symmetric", preprocess: str = "imagenet") -> Network:
    return _trained_as(resolve("mobilenet_v3_large", resolution=SIDE), padding, preprocess)


def small() -> Network:
    variants = ["torchvision", "released"]
    return resolve("mobilenet_v3_small", resolution=SIDE, variants=variants)


def other(name: str) -> Network:
    return resolve(name, resolution=SIDE, variants=["torchvision"])


def _trained_as(
    network: Network, padding: str = "symmetric", preprocess: str = "imagenet"
) -> Network:
    conventions = replace(network.conventions, padding=padding, preprocess=preprocess)
    return replace(network, conventions=conventions)


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Network], str, int]] = {
    "torchvision V3-Large": (
        lambda: models.torchvision_v3(models.LARGE, 960, 1280),
        large,
        "torchvision",
        5_483_032,
    ),
    "torchvision V3-Small": (
        lambda: models.torchvision_v3(models.SMALL, 576, 1024),
        small,
        "torchvision",
        2_542_856,
    ),
    "torchvision V2": (
        models.torchvision_v2,
        lambda: other("mobilenet_v2"),
        "torchvision",
        3_504_872,
    ),
    "timm V3-Large": (
        lambda: models.timm_v3(models.LARGE, 960, 1280),
        large,
        "timm",
        5_483_032,
    ),
    "timm MnasNet-A1": (
        models.timm_mnasnet_a1,
        lambda: other("mnasnet_a1"),
        "timm",
        3_887_038,
    ),
    "timm tf_ V3-Large": (
        lambda: models.timm_v3(models.LARGE, 960, 1280, tf=True),
        lambda: large("same", "inception"),
        "tf",
        5_483_032,
    ),
}


@functools.cache
def trained(name: str) -> Any:
    """A case's model with its random weights and statistics, made once."""
    return models.randomized(CASES[name][0](), SIDE)


def error(graph: Graph, weights: dict[str, Any], model: Any) -> float:
    """The largest difference from torch, in float64, over the largest output."""
    data = seeded_input(graph.input_shape, seed=3)
    ours = run(graph, weights, data)[graph.outputs[0]].reshape(-1)
    theirs = models.scores(model, data)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("name", CASES)
def test_the_same_scores(tmp_path: Path, name: str) -> None:
    _, network_of, source, public_count = CASES[name]
    model, network = trained(name), network_of()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    imported = import_weights(tmp_path / "w.pth", network, source)
    graph = expand(network)
    assert models.parameter_count(model) == count(graph).params == public_count
    assert imported.warnings == ()
    assert error(graph, imported.weights, model) < TOLERANCE


@pytest.mark.parametrize("name", CASES)
def test_a_file_without_an_order_is_matched_as_well(tmp_path: Path, name: str) -> None:
    """safetensors sorts its tensors, so that what is read must be what the state_dict gave."""
    from safetensors.torch import save_file

    _, network_of, source, _ = CASES[name]
    model, network = trained(name), network_of()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    ordered = import_weights(tmp_path / "w.pth", network, source)
    sorted_ = import_weights(tmp_path / "w.safetensors", network, source)
    assert sorted_.assigned == ordered.assigned
    assert all(np.array_equal(sorted_.weights[k], v) for k, v in ordered.weights.items())


def test_the_source_is_told_by_names(tmp_path: Path) -> None:
    for model, file, network, source in (
        (models.torchvision_v3(models.LARGE, 960, 1280), "w.pth", large(), "torchvision"),
        (models.timm_v3(models.LARGE, 960, 1280), "w.pth", large(), "timm"),
        (models.timm_v3(models.LARGE, 960, 1280), "tf_w.pth", large("same", "inception"), "tf"),
    ):
        torch.save(model.state_dict(), tmp_path / file)
        assert import_weights(tmp_path / file, network).source == source


def test_a_sigmoid_is_not_taken_for_a_hard_sigmoid(tmp_path: Path) -> None:
    torch.save(models.timm_mnasnet_a1().state_dict(), tmp_path / "w.pth")
    network = other("mnasnet_a1")
    hard = replace(network.conventions, gate="hard_sigmoid")
    with pytest.raises(WeightsError, match="`gate: sigmoid` in the table's header"):
        import_weights(tmp_path / "w.pth", replace(network, conventions=hard))


@pytest.mark.parametrize(
    "container",
    [
        lambda state: {"model": state, "epoch": 7, "optimizer": {"lr": 0.1}},
        lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
        lambda state: {"model_ema": {"n_averaged": torch.tensor(3)} | state, "model": {}},
        lambda state: {f"_orig_mod.model.{k}": v.half() for k, v in state.items()},
    ],
)
def test_checkpoints_are_unwrapped(tmp_path: Path, container: Callable[[Any], Any]) -> None:
    state = models.torchvision_v3(models.LARGE, 960, 1280).state_dict()
    torch.save(container(state), tmp_path / "w.pth")
    imported = import_weights(tmp_path / "w.pth", large(), "torchvision")
    expected = state["features.0.0.weight"].numpy()
    np.testing.assert_allclose(imported.weights["conv2d1.weight"], expected, rtol=1e-3, atol=1e-4)


def test_averaged_weights_are_preferred_and_it_says_so(tmp_path: Path) -> None:
    state = models.torchvision_v3(models.LARGE, 960, 1280).state_dict()
    zeros = {name: torch.zeros_like(value) for name, value in state.items()}
    torch.save({"model": zeros, "model_ema": state}, tmp_path / "w.pth")
    imported = import_weights(tmp_path / "w.pth", large())
    assert "took model_ema of the checkpoint" in imported.notes
    assert imported.weights["conv2d1.weight"].any()


def test_a_background_class_is_dropped(tmp_path: Path) -> None:
    model = models.timm_v3(models.LARGE, 960, 1280, tf=True, classes=11)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    network = with_classes(large("same", "inception"), 10)
    imported = import_weights(tmp_path / "w.pth", network, "tf")
    assert imported.class_offset == 1
    assert imported.metadata["class_offset"] == "1"
    assert "dropped the first class of the file, the background" in imported.notes
    expected = model.state_dict()["classifier.weight"].numpy()[1:, :, None, None]
    assert np.array_equal(imported.weights["conv2d4.weight"], expected)


def test_nothing_to_drop(tmp_path: Path) -> None:
    torch.save(models.torchvision_v3(models.LARGE, 960, 1280).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="no background class to drop"):
        import_weights(tmp_path / "w.pth", large(), drop_background=True)


def test_other_classes_are_named(tmp_path: Path) -> None:
    model = models.torchvision_v3(models.LARGE, 960, 1280, classes=37)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="expected: --classes 37"):
        import_weights(tmp_path / "w.pth", large())


def test_another_network_is_recognized(tmp_path: Path) -> None:
    torch.save(models.torchvision_v3(models.SMALL, 576, 1024).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        import_weights(tmp_path / "w.pth", large())
    assert "they look like mobilenet_v3_small (52 of its 54 in common" in str(caught.value)
    with pytest.raises(WeightsError) as caught:
        import_weights(tmp_path / "w.pth", resolve("mobilenet_v3_small"))
    assert str(caught.value).splitlines()[1:3] == [
        "  classifier.0.weight [1024, 576, 1, 1], expected conv2d3 [1280, 576, 1, 1]",
        "  classifier.3.weight [1000, 1024, 1, 1], expected conv2d4 [1000, 1280, 1, 1]",
    ]
    assert str(caught.value).endswith("expected: --variant released")


def test_padding_that_differs_names_the_variant(tmp_path: Path) -> None:
    torch.save(models.torchvision_v3(models.LARGE, 960, 1280).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        import_weights(tmp_path / "w.pth", resolve("mobilenet_v3_large"))
    assert "--variant torchvision, or `padding: symmetric`" in str(caught.value)
    imported = import_weights(
        tmp_path / "w.pth", resolve("mobilenet_v3_large", variants=["torchvision"])
    )
    assert imported.metadata["padding"] == "symmetric"


def test_pictures_prepared_otherwise_are_a_warning(tmp_path: Path) -> None:
    torch.save(models.torchvision_v3(models.LARGE, 960, 1280).state_dict(), tmp_path / "w.pth")
    imported = import_weights(tmp_path / "w.pth", large(preprocess="inception"))
    assert len(imported.warnings) == 1
    assert "`preprocess: imagenet`" in imported.warnings[0]
    assert imported.metadata["preprocess"] == "imagenet"


class Payload:
    """Runs when it is unpickled, if it is."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("raise SystemExit('code of the file was run')",))


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "extra": Payload()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="nothing in it was run"):
        import_weights(tmp_path / "w.pth", large())


@pytest.mark.parametrize("content", [b"", b"no weights\n", b"PK\x03\x04 cut", b"\x80\x02}q\x00"])
def test_a_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"not a (weight )?file"):
        import_weights(tmp_path / "w.pth", large())


def test_integers_are_no_weights(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.ones(8, 3, 3, 3, dtype=torch.int8)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="not of finite floating-point numbers"):
        import_weights(tmp_path / "w.pth", large())

"""Orders of tensors: which are understood, which are refused, and what is said of a misfit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mnv3gen.errors import WeightsError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Conv2d, Graph, parameter_shapes
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.graph.weights import check_metadata, save_weights
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve
from mnv3gen.weights_import import import_weights
from mnv3gen.weights_import.convolution import BatchNorm, SourceConvolution, SourceFile
from mnv3gen.weights_import.matching import match
from mnv3gen.weights_import.naming import definition_order

TABLE = """\
input: 16x16x3
classes: 5
padding: symmetric
preprocess: imagenet
conv2d           -   8  -  HS  2
bneck, 3x3       16  8  8  RE  1
bneck, 3x3       16  8  8  RE  1
pool             -   -  -  -   1
conv2d 1x1, NBN  -   k  -  -   1
"""
NETWORK = parse(TABLE)
GRAPH = expand(NETWORK)


def state_dict(names: list[str]) -> dict[str, npt.NDArray[Any]]:
    """The parameters of convolutions in this order, under names that tell nothing."""
    weights, state = seeded_weights(GRAPH), {}
    for at, name in enumerate(names):
        for parameter in parameter_shapes(GRAPH):
            conv, _, part = parameter.partition(f"{name}.")
            if conv == "" and part:
                module = f"{at}b" if part.startswith("bn.") else f"{at}a"
                state[f"{module}.{part.removeprefix('bn.')}"] = weights[parameter]
    return state


def saved(path: Path, state: dict[str, npt.NDArray[Any]]) -> Path:
    np.savez(path, **state)  # type: ignore[arg-type]
    return path


def names_with(*block: str) -> list[str]:
    """The convolutions of the table with this order in both of its bnecks."""
    blocks = [f"bneck{number}.{part}" for number in (1, 2) for part in block]
    return ["conv2d1", *blocks, "conv2d2"]


@pytest.mark.parametrize(
    "block",
    [
        ("expand", "depthwise", "se.squeeze", "se.excite", "project"),
        ("expand", "depthwise", "project", "se.squeeze", "se.excite"),
        ("se.squeeze", "se.excite", "expand", "depthwise", "project"),
    ],
)
def test_orders_of_definition(tmp_path: Path, block: tuple[str, ...]) -> None:
    path = saved(tmp_path / "w.npz", state_dict(names_with(*block)))
    imported = import_weights(path, NETWORK, "torchvision")
    for name, value in seeded_weights(GRAPH).items():
        np.testing.assert_allclose(imported.weights[name], value, rtol=1e-6, err_msg=name)


HEADS = 3


def heads(boxes: int, scores: int) -> Graph:
    """Heads on three maps, boxes and scores in turn, as a table has them."""

    def conv(name: str, reads: str, out: int, side: int, depthwise: bool = False) -> Conv2d:
        groups, kernel = (8, 3) if depthwise else (1, 1)
        shape = (side, side, out)
        return Conv2d(name, (reads,), shape, 0, 8, kernel, groups=groups, batch_norm=depthwise)

    nodes, reads = [], "input"
    for level in range(HEADS):
        for kind, out in (("box", boxes), ("class", scores)):
            nodes.append(conv(f"{kind}{level}.dw", reads, 8, 8 >> level, depthwise=True))
            nodes.append(conv(f"{kind}{level}.pw", nodes[-1].name, out, 8 >> level))
        nodes.append(conv(f"extra{level}", reads, 8, 4 >> level))
        reads = nodes[-1].name
    return Graph("heads", "input", (8, 8, 8), tuple(nodes), (nodes[-1].name,))


def source_of(graph: Graph, names: list[str]) -> SourceFile:
    """A file with the convolutions in that order; each is known again by its name."""
    convolutions = []
    for name in names:
        node = graph.node(name)
        assert isinstance(node, Conv2d)
        ones = np.ones(node.shape[2], np.float32)
        normal = BatchNorm(ones, ones, ones, ones) if node.batch_norm else None
        weight = np.ones(node.weight_shape, np.float32)
        convolutions.append(SourceConvolution(name, weight, None, normal))
    return SourceFile("file", tuple(convolutions))


def detector_order() -> list[str]:
    """All extra maps, then all scores, then all boxes: torchvision's ssdlite."""
    extras = [f"extra{level}" for level in range(HEADS)]
    kinds = [(kind, level) for kind in ("class", "box") for level in range(HEADS)]
    return extras + [f"{kind}{level}.{part}" for kind, level in kinds for part in ("dw", "pw")]


def test_heads_defined_one_kind_after_the_other() -> None:
    graph = heads(boxes=24, scores=30)
    matched = match(source_of(graph, detector_order()), graph)
    assert not matched.in_order
    assert [conv.name for conv in matched.convolutions] == [c.name for c in graph.convolutions]


def test_heads_of_equal_shapes_are_not_guessed() -> None:
    """With four classes the scores have as many channels as the boxes."""
    graph = heads(boxes=24, scores=24)
    with pytest.raises(WeightsError, match="either order would fit") as caught:
        match(source_of(graph, detector_order()), graph)
    assert "for box0.dw and class0.dw" in str(caught.value)


def test_ssdlite_in_the_order_of_torchvision() -> None:
    """Of each of six maps, the table has boxes and then classes; torchvision all classes first."""
    graph = expand(resolve("ssdlite_mobilenet_v3_large"))
    names = [conv.name for conv in graph.convolutions]
    ends = [names[at : at + 2] for at in range(len(names) - 24, len(names), 2)]
    order = [*names[:-24], *(name for end in [*ends[1::2], *ends[::2]] for name in end)]
    matched = match(source_of(graph, order), graph)
    assert not matched.in_order
    assert [conv.name for conv in matched.convolutions] == names


def test_a_pooled_branch_of_equal_shape_is_not_guessed() -> None:
    """R-ASPP: F filters of the last map, and F filters of its mean."""
    graph = expand(resolve("raspp_mobilenet_v3_large"))
    names = [conv.name for conv in graph.convolutions]
    with pytest.raises(WeightsError, match="either order would fit"):
        match(source_of(graph, names), graph)


def test_a_misfit_is_named_in_the_order_met(tmp_path: Path) -> None:
    state = state_dict(names_with("expand", "depthwise", "se.squeeze", "se.excite", "project"))
    state["0a.weight"] = np.zeros((8, 1, 3, 3), np.float32)
    del state["6a.weight"]
    with pytest.raises(WeightsError) as caught:
        import_weights(saved(tmp_path / "w.npz", state), NETWORK, "torchvision")
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("w.npz: these weights do not fit network")
    assert lines[1:3] == [
        "  0a.weight [8, 1, 3, 3], expected conv2d1 [8, 3, 3, 3]",
        "  nothing, expected bneck2.expand [16, 8, 1, 1]",
    ]
    assert "6b.weight [16]: of no convolution" in lines[3]


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"PK\x03\x04 and then nothing")
    for name in ("w.npz", "missing.pth"):
        with pytest.raises(WeightsError, match="weight"):
            import_weights(tmp_path / name, NETWORK)


def test_a_bias_of_another_length_is_a_misfit(tmp_path: Path) -> None:
    state = state_dict(names_with("expand", "depthwise", "se.squeeze", "se.excite", "project"))
    state["11a.bias"] = np.zeros(4, np.float32)
    with pytest.raises(WeightsError, match=r"11a\.bias \[4\]: of no convolution"):
        import_weights(saved(tmp_path / "w.npz", state), NETWORK, "torchvision")


def test_a_negative_variance_is_named(tmp_path: Path) -> None:
    state = state_dict(names_with("expand", "depthwise", "se.squeeze", "se.excite", "project"))
    state["0b.running_var"] = -state["0b.running_var"]
    with pytest.raises(WeightsError, match=r"negative variance: *conv2d1\.bn\.running_var"):
        import_weights(saved(tmp_path / "w.npz", state), NETWORK, "torchvision")


def test_pickles_in_npz_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=np.array([{"a": 1}], dtype=object))
    with pytest.raises(WeightsError, match="not a weight file"):
        import_weights(tmp_path / "w.npz", NETWORK)


def test_an_unknown_source_is_asked_for(tmp_path: Path) -> None:
    state = state_dict(names_with("expand", "depthwise", "se.squeeze", "se.excite", "project"))
    with pytest.raises(WeightsError, match="--source torchvision, timm or tf"):
        import_weights(saved(tmp_path / "w.npz", state), NETWORK)


def test_order_of_names() -> None:
    """timm's modules in the order of their classes; sorting makes bn1 of conv_stem the first."""
    order = [
        "conv_stem.weight",
        "bn1.weight",
        "bn1.running_mean",
        "blocks.0.0.conv_dw.weight",
        "blocks.0.0.bn1.weight",
        "blocks.0.0.se.conv_reduce.weight",
        "blocks.0.0.se.conv_expand.weight",
        "blocks.0.0.conv_pw.weight",
        "blocks.0.0.bn2.weight",
        "blocks.2.0.conv_pw.weight",
        "blocks.2.0.bn1.weight",
        "blocks.2.0.conv_dw.weight",
        "blocks.2.0.bn2.weight",
        "blocks.2.0.conv_pwl.weight",
        "blocks.2.0.bn3.weight",
        "blocks.10.0.conv.weight",
        "blocks.10.0.bn1.weight",
        "conv_head.weight",
        "bn2.weight",
        "classifier.weight",
        "classifier.bias",
    ]
    assert list(definition_order(dict.fromkeys(sorted(order)))) == order


def test_metadata_must_agree_with_the_table(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(seeded_weights(GRAPH), path, {"padding": "same", "bn_eps": "0.001"})
    with pytest.raises(
        WeightsError, match=r"found: *padding: same\n *expected: padding: symmetric"
    ):
        check_metadata(path, NETWORK.conventions)
    save_weights(seeded_weights(GRAPH), path, {"padding": "symmetric", "preprocess": "inception"})
    assert check_metadata(path, NETWORK.conventions) == [
        "w.safetensors is for inception pictures, the table says imagenet"
    ]
    save_weights(seeded_weights(GRAPH), path)
    assert check_metadata(path, NETWORK.conventions) == []

"""What the rows of a table expand to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnv3gen.graph.expand import expand, same_padding
from mnv3gen.graph.graph import Add, Conv2d, Graph, parameter_shapes
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

SMALL_TABLE = """\
input: 32x30x3
classes: 10
conv2d           -   8   -  HS  2
bneck, 3x3       8   8   8  RE  1
bneck, 5x5       24  16  -  HS  2
conv2d, 1x1      -   32  -  HS  1
pool             -   -   -  -   1
conv2d 1x1, NBN  -   k   -  -   1
"""


def convolution(graph: Graph, name: str) -> Conv2d:
    node = graph.node(name)
    assert isinstance(node, Conv2d)
    return node


def rows(*lines: str, size: str = "8x8x8") -> Graph:
    return expand(parse("\n".join([f"input: {size}", *lines])))


def test_nodes_of_a_small_table() -> None:
    graph = expand(parse(SMALL_TABLE))
    assert [(node.name, node.inputs, node.shape, node.row) for node in graph.nodes] == [
        ("conv2d1", ("input",), (16, 15, 8), 0),
        ("bneck1.depthwise", ("conv2d1",), (16, 15, 8), 1),
        ("bneck1.se.pool", ("bneck1.depthwise",), (1, 1, 8), 1),
        ("bneck1.se.squeeze", ("bneck1.se.pool",), (1, 1, 8), 1),
        ("bneck1.se.excite", ("bneck1.se.squeeze",), (1, 1, 8), 1),
        ("bneck1.se.gate", ("bneck1.depthwise", "bneck1.se.excite"), (16, 15, 8), 1),
        ("bneck1.project", ("bneck1.se.gate",), (16, 15, 8), 1),
        ("bneck1.add", ("bneck1.project", "conv2d1"), (16, 15, 8), 1),
        ("bneck2.expand", ("bneck1.add",), (16, 15, 24), 2),
        ("bneck2.depthwise", ("bneck2.expand",), (8, 8, 24), 2),
        ("bneck2.project", ("bneck2.depthwise",), (8, 8, 16), 2),
        ("conv2d2", ("bneck2.project",), (8, 8, 32), 3),
        ("pool1", ("conv2d2",), (1, 1, 32), 4),
        ("conv2d3", ("pool1",), (1, 1, 10), 5),
    ]
    assert (graph.input_shape, graph.outputs) == ((32, 30, 3), ("conv2d3",))


def test_activations_and_normalization_of_a_small_table() -> None:
    found = {
        node.name: (node.activation, node.batch_norm)
        for node in expand(parse(SMALL_TABLE)).convolutions
    }
    assert found == {
        "conv2d1": ("hswish", True),
        "bneck1.depthwise": ("relu", True),
        "bneck1.se.squeeze": ("relu", False),
        "bneck1.se.excite": ("hard_sigmoid", False),
        "bneck1.project": ("none", True),
        "bneck2.expand": ("hswish", True),
        "bneck2.depthwise": ("hswish", True),
        "bneck2.project": ("none", True),
        "conv2d2": ("hswish", True),
        "conv2d3": ("none", False),
    }


def test_parameters_of_a_bneck() -> None:
    shapes = parameter_shapes(rows("bneck, 5x5  16  8  4  RE  1"))
    bn = ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    assert list(shapes.items()) == [
        ("bneck1.expand.weight", (16, 8, 1, 1)),
        *((f"bneck1.expand.{part}", (16,)) for part in bn),
        ("bneck1.depthwise.weight", (16, 1, 5, 5)),
        *((f"bneck1.depthwise.{part}", (16,)) for part in bn),
        ("bneck1.se.squeeze.weight", (4, 16, 1, 1)),
        ("bneck1.se.squeeze.bias", (4,)),
        ("bneck1.se.excite.weight", (16, 4, 1, 1)),
        ("bneck1.se.excite.bias", (16,)),
        ("bneck1.project.weight", (8, 16, 1, 1)),
        *((f"bneck1.project.{part}", (8,)) for part in bn),
    ]


@pytest.mark.parametrize(("expansion", "expands"), [(8, False), (9, True)])
def test_an_expansion_convolution_only_where_it_widens(expansion: int, expands: bool) -> None:
    graph = rows(f"bneck, 3x3  {expansion}  8  -  RE  1")
    assert ("bneck1.expand" in {node.name for node in graph.nodes}) is expands


@pytest.mark.parametrize(
    ("row", "size", "residual"),
    [
        ("bneck, 3x3  16  8  -  RE  1", "8x8x8", True),
        ("bneck, 3x3  16  8  -  RE  2", "8x8x8", False),
        ("bneck, 3x3  16  16  -  RE  1", "8x8x8", False),
        ("bneck, 3x3  16  8  -  RE  2", "1x1x8", False),  # stride 2 that changes no shape
    ],
)
def test_a_residual_only_at_stride_1_and_equal_shapes(row: str, size: str, residual: bool) -> None:
    assert any(isinstance(node, Add) for node in rows(row, size=size).nodes) is residual


def test_residuals_of_large() -> None:
    # The rows of table 1 with stride 1 and as many channels out as the row before has.
    added = [node.name for node in expand(resolve("mobilenet_v3_large")).nodes if type(node) is Add]
    assert added == [f"bneck{number}.add" for number in (1, 3, 5, 6, 8, 9, 10, 12, 14, 15)]


# TensorFlow: max((ceil(size / stride) - 1) * stride + kernel - size, 0), half of it before.
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 1, (1, 1)),
        (224, 5, 1, (2, 2)),
        (113, 3, 1, (1, 1)),
        (113, 5, 1, (2, 2)),
        (224, 3, 2, (0, 1)),  # 111 * 2 + 3 - 224 = 1
        (224, 5, 2, (1, 2)),  # 111 * 2 + 5 - 224 = 3
        (113, 3, 2, (1, 1)),  # 56 * 2 + 3 - 113 = 2
        (113, 5, 2, (2, 2)),  # 56 * 2 + 5 - 113 = 4
        (14, 7, 2, (2, 3)),  # 6 * 2 + 7 - 14 = 5
        (224, 1, 2, (0, 0)),  # 111 * 2 + 1 - 224 is negative
        (1, 3, 2, (1, 1)),
        (1, 5, 1, (2, 2)),
        (2, 5, 2, (1, 2)),
    ],
)
def test_same_padding(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == expected


def test_same_padding_of_a_dilated_kernel() -> None:
    # A 3x3 window that reaches over 5 pixels.
    assert same_padding(14, 3, 1, dilation=2) == (2, 2)


def test_padding_is_top_left_bottom_right() -> None:
    graph = rows("conv2d  -  8  -  RE  2", size="16x15x3")
    assert convolution(graph, "conv2d1").padding == (0, 1, 1, 1)


@pytest.mark.parametrize(("kernel", "side"), [(1, 0), (3, 1), (5, 2), (7, 3)])
@pytest.mark.parametrize("stride", [1, 2])
def test_symmetric_padding(kernel: int, side: int, stride: int) -> None:
    table = parse(f"input: 16x15x3\nconv2d, {kernel}x{kernel}  -  8  -  RE  {stride}")
    network = replace(table, conventions=replace(table.conventions, padding="symmetric"))
    assert convolution(expand(network), "conv2d1").padding == (side, side, side, side)


def test_squeeze_excite_of_a_conv2d_follows_it() -> None:
    graph = rows("conv2d, 1x1  -  576  ✓  HS  1", size="7x7x96")
    assert [(node.name, node.shape[2]) for node in graph.nodes] == [
        ("conv2d1", 576),
        ("conv2d1.se.pool", 576),
        ("conv2d1.se.squeeze", 144),
        ("conv2d1.se.excite", 576),
        ("conv2d1.se.gate", 576),
    ]
    assert graph.node("conv2d1.se.gate").inputs == ("conv2d1", "conv2d1.se.excite")
    assert graph.outputs == ("conv2d1.se.gate",)


def test_batch_normalizations_epsilon_is_the_networks() -> None:
    assert rows("bn_eps: 0.00001", "conv2d  -  8  -  RE  2").bn_eps == 0.00001
    assert rows("conv2d  -  8  -  RE  2").bn_eps == 0.001


def test_hswish_elements_of_large() -> None:
    # Elements at 224 x 224, table 5's @80: stem, bnecks from 80 channels on, tail.
    convolutions = expand(resolve("mobilenet_v3_large")).convolutions
    shapes = [node.shape for node in convolutions if node.activation == "hswish"]
    assert sum(height * width * channels for height, width, channels in shapes) == 1_511_264


def test_a_duplicate_name_is_impossible() -> None:
    graph = expand(resolve("mobilenet_v3_small"))
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)

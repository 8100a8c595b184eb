"""The reference executor against onnxruntime, and operators worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.onnx_graph import run_onnx, to_onnx

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Add, Conv2d, Gate, GlobalPool, Graph
from mnv3gen.graph.reference import activate, compute, run, run_all
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

TOLERANCE = 1e-5  # of the largest output: single precision against double


def close(found: npt.NDArray[Any], expected: npt.NDArray[Any]) -> bool:
    """Whether no difference is above the tolerance; all zeros are close to all zeros only."""
    assert found.shape == expected.shape
    return bool(np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max())


def table(header: str) -> Network:
    """Every operator and kernel size, at an input that is odd and not square."""
    return parse(f"""\
{header}
classes: 7
conv2d           -   8   ✓  HS  2
bneck, 7x7       8   8   4  R6  1
bneck, 5x5       24  16  -  HS  2
bneck, 3x3       40  16  8  RE  1
conv2d, 5x5      -   24  -  R6  2
conv2d 1x1, NBN  -   12  -  HS  1
pool             -   -   -  -   1
conv2d 1x1, NBN  -   k   -  -   1
""")


NETWORKS = {
    "small": resolve("mobilenet_v3_small", "0.75", 96),
    "large": resolve("mobilenet_v3_large", None, "64x96"),
    "torchvision": resolve("mobilenet_v3_small", "0.35", variants=["torchvision"]),
    "odd": table("input: 37x50x3"),
    "even": table("input: 36x51x1\nbn_eps: 0.00001"),
    "symmetric-odd": table("input: 37x50x3\npadding: symmetric"),
    "symmetric-even": table("input: 36x51x3\npadding: symmetric"),
    "one-channel": parse("input: 9x8x1\nbneck, 3x3  1  4  -  HS  2\nbneck, 3x3  6  4  -  RE  1"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_as_onnxruntime(name: str) -> None:
    graph = expand(NETWORKS[name])
    weights, data = seeded_weights(graph, seed=3), seeded_input(graph.input_shape)
    (expected,) = run_onnx(to_onnx(graph, weights), data)
    (found,) = run(graph, weights, data).values()
    assert found.dtype == np.float64
    assert close(found, expected[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_operator_as_onnxruntime(name: str) -> None:
    """Each from what onnxruntime gave the operators before it, so that no error is passed on."""
    graph = expand(NETWORKS[name])
    graph = replace(graph, outputs=tuple(node.name for node in graph.nodes))
    weights, data = seeded_weights(graph, seed=3), seeded_input(graph.input_shape)
    outputs = run_onnx(to_onnx(graph, weights), data)
    tensors = {graph.input: data.astype(np.float64)}
    tensors |= {
        node.name: output[0].astype(np.float64)
        for node, output in zip(graph.nodes, outputs, strict=True)
    }
    for node in graph.nodes:
        found = compute(node, [tensors[name] for name in node.inputs], weights, graph.bn_eps)
        assert close(found, tensors[node.name]), node.name


def test_dilation_as_onnxruntime() -> None:
    conv = Conv2d(
        "conv", ("input",), (9, 8, 4), 0, in_channels=4, kernel=3, dilation=2, groups=4,
        padding=(2, 2, 2, 2),
    )  # fmt: skip
    graph = Graph("net", "input", (9, 8, 4), (conv,), ("conv",))
    weights, data = seeded_weights(graph), seeded_input(graph.input_shape)
    (expected,) = run_onnx(to_onnx(graph, weights), data)
    np.testing.assert_allclose(run(graph, weights, data)["conv"], expected[0], atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        # x * ReLU6(x + 3) / 6: -1 * 2 / 6, 1 * 4 / 6.
        ("hswish", [0, 0, -1 / 3, 0, 2 / 3, 3, 5, 7]),
        ("hard_sigmoid", [0, 0, 1 / 3, 1 / 2, 2 / 3, 1, 1, 1]),
        ("relu", [0, 0, 0, 0, 1, 3, 5, 7]),
        ("relu6", [0, 0, 0, 0, 1, 3, 5, 6]),
        ("none", [-4, -3, -1, 0, 1, 3, 5, 7]),
    ],
)
def test_activations_by_hand(activation: Any, expected: list[float]) -> None:
    points = np.array([-4.0, -3, -1, 0, 1, 3, 5, 7])
    np.testing.assert_allclose(activate(activation, points), expected, rtol=1e-15)


def one_channel(padding: tuple[int, int, int, int], stride: int, side: int) -> Conv2d:
    shape = (side, side, 1)
    return Conv2d(
        "conv", ("input",), shape, 0, in_channels=1, kernel=3, stride=stride, padding=padding
    )


NUMBERS = np.arange(1.0, 10).reshape(3, 3, 1)  # 1 2 3 / 4 5 6 / 7 8 9
# A tap of 1 in the middle and of 10 right of it: a correlation, not turned round.
TAPS = np.array([0, 0, 0, 0, 1.0, 10, 0, 0, 0]).reshape(1, 1, 3, 3)
PLAIN = {
    "conv.weight": TAPS,
    "conv.bn.weight": np.ones(1),
    "conv.bn.bias": np.zeros(1),
    "conv.bn.running_mean": np.zeros(1),
    "conv.bn.running_var": np.ones(1),
}


def only_channel(
    conv: Conv2d, weights: dict[str, npt.NDArray[Any]] = PLAIN, bn_eps: float = 0.0
) -> npt.NDArray[Any]:
    return compute(conv, [NUMBERS], weights, bn_eps)[:, :, 0]


def test_a_convolution_by_hand() -> None:
    found = only_channel(one_channel((1, 1, 1, 1), 1, 3))
    np.testing.assert_array_equal(found, [[21, 32, 3], [54, 65, 6], [87, 98, 9]])


def test_a_convolution_with_stride_2_by_hand() -> None:
    found = only_channel(one_channel((1, 1, 1, 1), 2, 2))
    np.testing.assert_array_equal(found, [[21, 3], [87, 9]])


def test_padding_after_by_hand() -> None:
    # The window's middle starts a pixel further down and to the right.
    found = only_channel(one_channel((0, 0, 1, 1), 2, 1))
    np.testing.assert_array_equal(found, [[65]])


def test_batch_normalization_by_hand() -> None:
    statistics = {
        "conv.bn.weight": np.array([3.0]),
        "conv.bn.bias": np.array([-1.0]),
        "conv.bn.running_mean": np.array([5.0]),
        "conv.bn.running_var": np.array([3.75]),
    }
    found = only_channel(one_channel((0, 0, 1, 1), 2, 1), PLAIN | statistics, bn_eps=0.25)
    np.testing.assert_array_equal(found, [[(65 - 5) / 2 * 3 - 1]])


def test_pool_gate_and_add_by_hand() -> None:
    shape = (3, 3, 1)
    pooled = compute(GlobalPool("pool", ("a",), (1, 1, 1), 0), [NUMBERS], {}, 0.0)
    assert pooled.tolist() == [[[5.0]]]
    gated = compute(Gate("gate", ("a", "b"), shape, 0), [NUMBERS, pooled], {}, 0.0)
    assert gated[2, 0, 0] == 35
    added = compute(Add("add", ("a", "b"), shape, 0), [NUMBERS, gated], {}, 0.0)
    assert added[2, 0, 0] == 42


def test_run_all_has_the_input_and_every_node() -> None:
    graph = expand(table("input: 37x50x3"))
    tensors = run_all(graph, seeded_weights(graph), seeded_input(graph.input_shape))
    assert list(tensors) == ["input", *(node.name for node in graph.nodes)]
    assert all(tensors[name].shape == graph.shape(name) for name in tensors)


def test_an_input_of_another_shape() -> None:
    graph = expand(table("input: 37x50x3"))
    with pytest.raises(ValueError, match=r"\(50, 37, 3\), the graph takes \(37, 50, 3\)"):
        run_all(graph, {}, np.zeros((50, 37, 3)))

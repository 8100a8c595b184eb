"""Graph to TFLite: structure by the schema's readers, values by LiteRT where it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.fold import folded
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

tflite: Any = pytest.importorskip("tflite")

TEXT = """\
input: 8x6x3
classes: 5
conv2d, 3x3      -   4  -  HS  2
bneck, 3x3       6   4  2  R6  1
pool             -   -  -  -   1
conv2d 1x1, NBN  -   k  -  -   1
"""
SAME = ["CONV_2D", "HARD_SWISH", "CONV_2D", "DEPTHWISE_CONV_2D", "MEAN", "CONV_2D", "CONV_2D"]
SAME += ["ADD", "MUL", "MUL", "CONV_2D", "ADD", "MEAN", "CONV_2D"]


def written(text: str) -> tuple[Any, Any]:
    """The model and its subgraph, read back."""
    from mnv3gen.lower.tflite import to_tflite

    graph = expand(parse(text))
    content = to_tflite(graph, seeded_weights(graph))
    assert tflite.Model.ModelBufferHasIdentifier(content, 0)
    model = tflite.Model.GetRootAs(content)
    return model, model.Subgraphs(0)


def operators(model: Any, subgraph: Any) -> list[str]:
    codes = [
        model.OperatorCodes(subgraph.Operators(index).OpcodeIndex())
        for index in range(subgraph.OperatorsLength())
    ]
    return [tflite.opcode2name(code.BuiltinCode()) for code in codes]


def test_operators() -> None:
    assert operators(*written(TEXT)) == SAME


def test_symmetric_padding_is_a_pad_where_it_is_not_tensorflows() -> None:
    """Of 8 x 6 by stride 2; by stride 1 it is SAME."""
    assert operators(*written("padding: symmetric\n" + TEXT)) == ["PAD", *SAME]


def test_the_first_convolution() -> None:
    model, subgraph = written(TEXT)
    graph = expand(parse(TEXT))
    operator = subgraph.Operators(0)
    data, weight, bias = (subgraph.Tensors(index) for index in operator.InputsAsNumpy())
    assert (data.Name(), data.ShapeAsNumpy().tolist()) == (b"input", [1, 8, 6, 3])
    assert weight.ShapeAsNumpy().tolist() == [4, 3, 3, 3]  # OHWI
    expected, offsets = folded(graph.convolutions[0], seeded_weights(graph), graph.bn_eps)
    for tensor, values in ((weight, expected.transpose(0, 2, 3, 1)), (bias, offsets)):
        stored = model.Buffers(tensor.Buffer()).DataAsNumpy().view(np.float32)
        np.testing.assert_array_equal(stored, values.ravel())
    options = tflite.Conv2DOptions()
    options.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
    assert (options.StrideH(), options.StrideW()) == (2, 2)
    assert options.Padding() == tflite.Padding.SAME


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(parse(TEXT), id="table"),
        pytest.param(resolve("mobilenet_v3_small", "0.35", 64), id="classifier"),
        pytest.param(
            resolve("mobilenet_v3_small", "0.35", 64, variants=["torchvision"]), id="symmetric"
        ),
        pytest.param(resolve("mnasnet_a1", "0.35", 64), id="sigmoid"),
        pytest.param(resolve("ssdlite_mobilenet_v2", "0.35", 64), id="detector"),
        pytest.param(resolve("raspp_mobilenet_v3_small", "0.35", "64x96"), id="dilated"),
        pytest.param(
            resolve("lraspp_mobilenet_v3_large", "0.35", "64x96", variants=["torchvision"]),
            id="half-pixel",
        ),
    ],
)
def test_as_litert_computes_it(network: Network, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    from mnv3gen.bench.runners.litert import Runner
    from mnv3gen.lower.tflite import to_tflite

    graph = expand(network)
    weights, data = seeded_weights(graph, seed=2), seeded_input(graph.input_shape)
    (tmp_path / "model.tflite").write_bytes(to_tflite(graph, weights))
    runner = Runner(tmp_path / "model.tflite", data[np.newaxis], [])
    runner.run()
    expected = run(graph, weights, data)
    largest = max(abs(value).max() for value in expected.values())
    for output, value in zip(runner.outputs(), expected.values(), strict=True):
        assert abs(output[0] - value).max() <= 1e-5 * largest

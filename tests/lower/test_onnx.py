"""Graph to ONNX, as onnxruntime computes it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from support.graphs import every_operator

from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.onnx import Layout, to_onnx
from mnv3gen.tables.zoo import resolve

TOLERANCE = 2e-5  # of the largest output
GRAPHS = {
    "every": every_operator(),
    "classifier": expand(resolve("mobilenet_v3_small", "0.35", 64)),
    "naive": expand(resolve("mobilenet_v3_small", "0.35", 64, variants=["naive-hswish"])),
    "detector": expand(resolve("ssdlite_mobilenet_v2", "0.35", 64)),
    "segmentation": expand(resolve("lraspp_mobilenet_v3_small", "0.35", "64x96")),
}


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", GRAPHS)
def test_outputs(name: str, layout: Layout, fold: bool) -> None:
    graph = GRAPHS[name]
    weights, data = seeded_weights(graph, seed=2), seeded_input(graph.input_shape)
    model = to_onnx(graph, weights, layout, fold)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert [each.name for each in session.get_outputs()] == list(graph.outputs)
    to_layout, back = ((2, 0, 1), (1, 2, 0)) if layout == "NCHW" else ((0, 1, 2), (0, 1, 2))
    feed = {graph.input: np.ascontiguousarray(data.transpose(to_layout)[np.newaxis])}
    expected = run(graph, weights, data)
    largest = max(abs(value).max() for value in expected.values())
    for output, value in zip(session.run(None, feed), expected.values(), strict=True):
        assert abs(output[0].transpose(back) - value).max() <= TOLERANCE * largest


@pytest.mark.parametrize("fold", [False, True])
def test_operators(fold: bool) -> None:
    graph = GRAPHS["classifier"]
    model = to_onnx(graph, seeded_weights(graph), "NCHW", fold)
    operators = [node.op_type for node in model.graph.node]
    assert operators[0] == "Conv"
    assert ("BatchNormalization" in operators) is not fold
    assert {"HardSwish", "HardSigmoid", "GlobalAveragePool"} < set(operators)
    assert "Transpose" not in operators

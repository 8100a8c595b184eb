"""The QDQ form of an int8 network, as onnxruntime computes it."""

from __future__ import annotations

import numpy as np
import pytest
from support.compiled import tiny
from support.integers import quantized_on_random

from mnv3gen.graph.seeded import seeded_input
from mnv3gen.quantize import reference
from mnv3gen.quantize.onnx import to_qdq_onnx
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

NETWORKS = {
    "tiny": tiny(),
    "mnasnet_a1": resolve("mnasnet_a1", resolution="32", width="0.5"),
    "lraspp_mobilenet_v3_small": resolve(
        "lraspp_mobilenet_v3_small", resolution="64x96", width="0.5"
    ),
}
NOISE_DB = 8.0  # of other roundings; a wrong scale anywhere leaves less than 3
INPUTS = 7


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_network(name: str) -> None:
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    network: Network = NETWORKS[name]
    quantized = quantized_on_random(network)
    model = to_qdq_onnx(quantized)
    onnx.checker.check_model(model, full_check=True)
    # Its integer kernels saturate between two products on AVX2; without them it computes QDQ as is.
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ratios: list[list[float]] = []
    for seed in range(INPUTS):
        data = seeded_input(quantized.graph.input_shape, seed)
        feed = {quantized.graph.input: data.transpose(2, 0, 1)[np.newaxis]}
        found = session.run(list(quantized.graph.outputs), feed)
        expected = reference.run(quantized, data)
        ratios.append([])
        for theirs, ours in zip(found, expected.values(), strict=True):
            difference = theirs[0].transpose(1, 2, 0) - ours
            ratios[-1].append(np.square(ours).sum() / np.square(difference).sum())
    assert (10 * np.log10(np.median(ratios, axis=0)) > NOISE_DB).all()


def test_float_operators_among_integers() -> None:
    """A convolution that stays in float32 has no elements before its activation either."""
    onnx = pytest.importorskip("onnx")
    network = resolve("mobilenet_v3_small", resolution="32", width="0.35")
    quantized = quantized_on_random(network, ["bneck4.expand"])
    model = to_qdq_onnx(quantized)
    onnx.checker.check_model(model, full_check=True)
    made = {output for node in model.graph.node for output in node.output}
    assert "bneck4.expand.linear" in made
    assert "bneck4.expand.linear.elements" not in made
    assert "bneck5.expand.linear.elements" in made


CLASSIFIER = """\
name: classifier
input: 1x1x24
classes: 7

Operator         exp  #out  SE  NL  s
conv2d 1x1, NBN    -    16   -  RE  1
conv2d 1x1, NBN    -     k   -   -  1
"""


def test_sums_of_a_classifier_are_not_rounded_to_8_bits() -> None:
    """They are ours but for float32's rounding, and far from the 256 values of their scale."""
    pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    quantized = quantized_on_random(parse(CLASSIFIER))
    (output,) = quantized.graph.outputs
    model = to_qdq_onnx(quantized)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    data = seeded_input(quantized.graph.input_shape, 5)
    (found,) = session.run(None, {quantized.graph.input: data.transpose(2, 0, 1)[np.newaxis]})
    expected = reference.run(quantized, data)[output]
    assert found.shape == (1, 7, 1, 1)
    scale = quantized.scales[output].scale
    steps = expected / scale
    assert np.abs(steps - np.rint(steps)).max() > 0.1
    np.testing.assert_allclose(found.ravel(), expected.ravel(), atol=1e-5)

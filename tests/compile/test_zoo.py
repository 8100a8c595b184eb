"""Every network of the zoo, compiled, against onnxruntime on the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from support.compiled import Compiler
from support.onnx_graph import run_onnx, to_onnx

from mnv3gen.graph.seeded import seeded_input
from mnv3gen.tables import zoo

TOLERANCE = 1e-4  # of the largest output of all
# The paper's own two are compiled in more forms elsewhere.
NAMES = [name for name in zoo.names() if name not in ("mobilenet_v3_large", "mobilenet_v3_small")]
FORMS = [
    *((name, "96", "") for name in NAMES if "aspp" not in name and "ssd" not in name),
    *((name, "64x96", "") for name in NAMES if "aspp" in name),
    *((name, "128", "") for name in NAMES if "ssd" in name),
    ("ssdlite_mobilenet_v3_large", "128", "reduced"),
    ("lraspp_mobilenet_v3_small", "64x96", "rf2"),
    ("raspp_mobilenet_v3_large", "64x96", "os32"),
    ("mobilenet_v3_small", "64", "naive-hswish"),
    ("mobilenet_v3_large", "64", "original-last-stage"),
]


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("host", marks=pytest.mark.compile),
        pytest.param("arm_cpu", marks=pytest.mark.emulate),
    ],
)
@pytest.mark.parametrize(("name", "resolution", "variant"), FORMS)
def test_outputs_as_onnxruntime(
    compiler: Compiler, name: str, resolution: str, variant: str, target: str
) -> None:
    network = zoo.resolve(name, resolution=resolution, variants=[variant] if variant else [])
    compiled = compiler(network, target)
    data = seeded_input(compiled.graph.input_shape, seed=1)
    outputs = run_onnx(to_onnx(compiled.graph, compiled.weights), data)
    expected = np.concatenate([output.ravel() for output in outputs])
    error = np.abs(compiled.run(data) - expected).max()
    assert error <= TOLERANCE * np.abs(expected).max()


@pytest.mark.compile
def test_segmentation_at_half_resolution(compiler: Compiler) -> None:
    """512 x 1024, the paper's half resolution, natively."""
    compiled = compiler(zoo.resolve("lraspp_mobilenet_v3_large", resolution="512x1024"))
    data = seeded_input(compiled.graph.input_shape, seed=1)
    (expected,) = run_onnx(to_onnx(compiled.graph, compiled.weights), data)
    error = np.abs(compiled.run(data) - expected.ravel()).max()
    assert error <= TOLERANCE * np.abs(expected).max()

"""Compiled networks against onnxruntime on the same weights, natively and emulated."""

from __future__ import annotations

import numpy as np
import pytest
from support.compiled import Array, Compiled, Compiler
from support.onnx_graph import run_onnx, to_onnx

from mnv3gen.graph.seeded import seeded_input
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

TO_ONNXRUNTIME, TO_EACH_OTHER = 1e-4, 1e-5  # of the largest output

HOST = pytest.param("host", marks=pytest.mark.compile)
ARM = pytest.param("arm_cpu", marks=pytest.mark.emulate)

SMALL = "mobilenet_v3_small"
LARGE = "mobilenet_v3_large"
FORMS = [
    (SMALL, "0.75", 96),
    (SMALL, "1.0", 96),
    (LARGE, "0.75", 96),
    (LARGE, "1.0", 96),
    (SMALL, "0.75", 224),
    (SMALL, "1.0", 224),
    (LARGE, "0.75", 224),
    (LARGE, "1.0", 224),
]

# Kernel 7, h-swish and ReLU6, and widths that no vector divides.
ODD = """\
input: 19x23x3
classes: 7

Operator         exp size  #out  SE  NL  s
conv2d, 7x7         -     9   -  R6  2
bneck, 7x7         20    12   ✓  R6  1
bneck, 3x3         20    12   -  HS  1
bneck, 5x5         30    21   ✓  RE  2
conv2d, 1x1         -    22   -   -  1
pool                -     -   -   -  1
conv2d 1x1, NBN     -    13   -  HS  1
conv2d 1x1, NBN     -     k   -   -  1
"""

ONE_ROW = """\
input: 9x9x3
classes: 1

Operator         exp size  #out  SE  NL  s
conv2d, 3x3         -     8   -  HS  2
"""

ONE_CLASS_OF_GREY = """\
input: 17x17x1
classes: 1

Operator         exp size  #out  SE  NL  s
conv2d, 3x3         -     8   -  HS  2
bneck, 3x3         16     8   -  R6  1
pool                -     -   -   -  1
conv2d 1x1, NBN     -     k   -   -  1
"""


@pytest.mark.parametrize("target", [HOST, ARM])
@pytest.mark.parametrize(("name", "width", "resolution"), FORMS)
def test_the_papers_networks(
    compiler: Compiler, name: str, width: str, resolution: int, target: str
) -> None:
    network = resolve(name, width=width, resolution=resolution)
    check_against_onnxruntime(compiler(network, target))


@pytest.mark.emulate
@pytest.mark.parametrize(("name", "width", "resolution"), FORMS)
def test_native_and_emulated_agree(
    compiler: Compiler, name: str, width: str, resolution: int
) -> None:
    network = resolve(name, width=width, resolution=resolution)
    native, emulated = compiler(network), compiler(network, "arm_cpu")
    for data in inputs(native):
        expected = native.run(data)
        assert difference(emulated.run(data), expected) < TO_EACH_OTHER


@pytest.mark.emulate
@pytest.mark.parametrize(
    ("target", "resolution"), [("armv7", 32), ("pixel3-android", 96), ("cortex-a76", 96)]
)
def test_other_processors(compiler: Compiler, target: str, resolution: int) -> None:
    check_against_onnxruntime(compiler(resolve(SMALL, resolution=resolution), target))


@pytest.mark.parametrize("target", [HOST, ARM])
@pytest.mark.parametrize(
    "network",
    [
        pytest.param(resolve(SMALL, resolution=64, variants=["torchvision"]), id="symmetric"),
        pytest.param(resolve(SMALL, resolution="96x128", classes=10), id="96x128"),
        pytest.param(resolve(SMALL, resolution="97x131", classes=10), id="97x131"),
        pytest.param(parse(ODD), id="odd"),
        pytest.param(parse(ONE_ROW), id="one-row"),
        pytest.param(parse(ONE_CLASS_OF_GREY), id="one-class-of-grey"),
    ],
)
def test_other_networks(compiler: Compiler, network: Network, target: str) -> None:
    check_against_onnxruntime(compiler(network, target))


def check_against_onnxruntime(compiled: Compiled) -> None:
    model = to_onnx(compiled.graph, compiled.weights)
    for data in inputs(compiled):
        expected = np.concatenate([output.ravel() for output in run_onnx(model, data)])
        assert difference(compiled.run(data), expected) < TO_ONNXRUNTIME


def inputs(compiled: Compiled) -> list[Array]:
    """The seeded input, and one that only this test knows."""
    shape = compiled.graph.input_shape
    other = np.random.default_rng(20190507).normal(0.2, 0.8, shape)
    return [seeded_input(shape), other.astype(np.float32)]


def difference(actual: Array, expected: Array) -> float:
    """The largest, as a fraction of the largest output."""
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / np.abs(expected).max())

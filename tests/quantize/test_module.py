"""The int8 module, computed by TVM's own code, is the NumPy reference on every element."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import (
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    Resize,
)
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.relax import to_relax
from mnv3gen.quantize import arithmetic
from mnv3gen.quantize.floating import run_float
from mnv3gen.quantize.folding import fold
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantize_module import quantize_module
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.reference import as_float, run, run_all
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve

pytestmark = pytest.mark.compile

ALL_KINDS = """\
input: 21x18x3
classes: 10

conv2d           -   8   -  HS  2
bneck, 3x3       8   8   4  RE  1
bneck, 5x5       24  16  -  R6  2
bneck, 3x3       40  16  8  HS  1
pool             -   -   -  -   1
conv2d 1x1, NBN  -   12  -  HS  1
conv2d 1x1, NBN  -   k   -  -   1
"""


def joined() -> Graph:
    """Every operator of the heads: pools, resizing, a sigmoid, gates, tensors with one scale."""
    source = (9, 7, 8)
    return Graph(
        "joined",
        "input",
        (9, 7, 3),
        (
            Conv2d("stem", ("input",), source, 0, 3, 3, padding=(1, 1, 1, 1), activation="relu6"),
            AveragePool("average", ("stem",), (3, 2, 8), 0, window=(4, 5), strides=(2, 2)),
            Conv2d("gate", ("average",), (3, 2, 8), 0, 8, 1, activation="sigmoid"),
            Resize("gates", ("gate",), source, 0, "align_corners"),
            Gate("gated", ("stem", "gates"), source, 0),
            Conv2d(
                *("depthwise", ("gated",), source, 0, 8, 3),
                dilation=2,
                groups=8,
                padding=(2, 2, 2, 2),
                activation="naive_hswish",
            ),
            Conv2d("linear", ("depthwise",), source, 0, 8, 1, batch_norm=False),
            Conv2d("relu", ("depthwise",), source, 0, 8, 1, activation="relu"),
            Concat("concat", ("linear", "relu"), (9, 7, 16), 0),
            Resize("resized", ("concat",), (17, 12, 16), 0, "half_pixel"),
            GlobalPool("pool", ("resized",), (1, 1, 16), 0),
            Conv2d("gate2", ("pool",), (1, 1, 16), 0, 16, 1, activation="hard_sigmoid"),
            Gate("gated2", ("resized", "gate2"), (17, 12, 16), 0),
            Add("add", ("gated2", "resized"), (17, 12, 16), 0),
        ),
        ("add", "pool"),
    )


def quantized_on(graph: Graph, **options: Any) -> Quantized:
    """A network with seeded weights and the ranges of two seeded inputs."""
    weights = seeded_weights(graph)
    folded = fold(graph, weights)
    runs = [run_float(*folded, seeded_input(graph.input_shape, seed)) for seed in (1, 2)]
    ranges = {
        name: (min(run[name].min() for run in runs), max(run[name].max() for run in runs))
        for name in runs[0]
    }
    return quantize_graph(graph, weights, ranges, **options)


def all_outputs(quantized: Quantized) -> Quantized:
    """The same network with every node's tensor as an output."""
    names = tuple(node.name for node in quantized.graph.nodes)
    return replace(quantized, graph=replace(quantized.graph, outputs=names))


def module_of(quantized: Quantized) -> Any:
    return quantize_module(quantized)(to_relax(quantized.graph, quantized.weights))


def execute(module: Any, data: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    import tvm
    from tvm import relax

    legal = relax.transform.FuseTIR()(relax.transform.LegalizeOps()(module))
    target = tvm.target.Target({"kind": "llvm", "num-cores": 1})
    machine = relax.VirtualMachine(tvm.compile(legal, target=target), tvm.cpu())
    result = machine["main"](tvm.runtime.tensor(data[np.newaxis]))
    single = isinstance(result, tvm.runtime.Tensor)
    return [output.numpy()[0] for output in ([result] if single else result)]


def assert_equal(quantized: Quantized, data: npt.NDArray[np.float32]) -> None:
    """Every tensor is compared as float32: of one scale, other elements are other floats."""
    quantized = all_outputs(quantized)
    expected = run_all(quantized, data)
    found = execute(module_of(quantized), data)
    for name, tensor in zip(quantized.graph.outputs, found, strict=True):
        wanted = as_float(quantized, name, expected[name])
        assert tensor.shape == wanted.shape
        assert np.array_equal(tensor, wanted), name


@pytest.mark.parametrize(
    "graph",
    [
        expand(resolve("mobilenet_v3_small")),
        expand(parse(ALL_KINDS)),
        joined(),
    ],
    ids=["mobilenet_v3_small", "all-kinds", "joined"],
)
def test_every_element_is_the_reference(graph: Graph) -> None:
    assert_equal(quantized_on(graph), 1.2 * seeded_input(graph.input_shape, seed=3))


def types(module: Any) -> list[tuple[str, str]]:
    """The operator and the type of each binding."""
    bindings = [binding for block in module["main"].body.blocks for binding in block.bindings]
    return [
        (binding.value.op.name, str(binding.var.ty.dtype))
        for binding in bindings
        if hasattr(binding.value, "op")
    ]


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "mobilenet_v3_large"])
def test_no_float_operation_is_left_between_quantize_and_dequantize(name: str) -> None:
    found = types(module_of(quantized_on(expand(resolve(name, resolution="64")))))
    assert found[0] == ("relax.mnv3gen.int8.quantize", "int8")
    assert found[-1] == ("relax.mnv3gen.int8.dequantize_sums", "float32")
    assert {dtype for _, dtype in found[1:-1]} == {"int8", "int32"}


def test_strange_inputs_are_quantized_as_the_reference_does() -> None:
    graph = expand(parse("input: 2x4x1\nclasses: 2\nconv2d 1x1, NBN  -  k  -  -  1"))
    strange = [np.nan, np.inf, -np.inf, 1e38, -1e38, 0.5, -0.0, 1e-45]
    data = np.array(strange, np.float32).reshape(2, 4, 1)
    assert_equal(quantized_on(graph), data)


def test_float_nodes_have_borders_and_nothing_else() -> None:
    graph = expand(resolve("mobilenet_v3_small", resolution="32"))
    chosen = ("bneck2.expand", "bneck2.depthwise", "bneck4.se.gate", "conv2d4")
    quantized = quantized_on(graph, float_nodes=chosen)
    found = [name.rsplit(".", 1)[-1] for name, _ in types(module_of(quantized))]
    # Input, after bneck2.depthwise, after the gate; before bneck2.expand, two inputs of the gate,
    # and before conv2d4, which is the output.
    assert found.count("quantize") == 3
    assert found.count("dequantize") == 4
    data = seeded_input(graph.input_shape, seed=3)
    (expected,) = run(quantized, data).values()
    (output,) = execute(module_of(quantized), data)
    step = quantized.scales["bneck2.depthwise"].scale
    assert np.abs(output - expected).max() <= 4 * step  # a float may round to another element


def test_outputs_are_sums_in_float32() -> None:
    """By hand: 2^24 + 1 lies between two float32 and goes to the even one."""
    sums = np.array([[[2**24 + 1, -3]]], np.int32)
    found = arithmetic.dequantize_sums(sums, np.array([0.5, 0.25], np.float32))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([[[2.0**23, -0.75]]], np.float32))

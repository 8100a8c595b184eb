"""Graph to Relax: NHWC, batch 1, float32, BN folded, h-swish as one operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import (
    Activate,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    MaxPool,
    Node,
    Resize,
    Softmax,
)
from mnv3gen.lower import operators
from mnv3gen.lower.fold import folded

if TYPE_CHECKING:
    import tvm


def to_relax(graph: Graph, weights: Mapping[str, npt.NDArray[Any]]) -> tvm.IRModule:
    """A module whose `main` takes (1, h, w, c) and returns the output, with weights as constants.

    Kernels are HWIO, those of depthwise convolutions HWOI. Several outputs come as a tuple. The
    variable of a node's tensor has its `variable_name`.
    """
    from tvm import relax

    builder = relax.BlockBuilder()
    data = relax.Var(graph.input, relax.TensorType((1, *graph.input_shape), "float32"))
    values: dict[str, Any] = {graph.input: data}
    with builder.function("main", [data]):
        with builder.dataflow():
            for node in graph.nodes:
                inputs = [values[name] for name in node.inputs]
                made = _expression(builder, node, inputs, weights, graph.bn_eps)
                values[node.name] = builder.emit(made, variable_name(node.name))
            outputs = [values[name] for name in graph.outputs]
            result = builder.emit_output(outputs[0] if len(outputs) == 1 else outputs)
        builder.emit_func_output(result)
    return builder.get()


def variable_name(node: str) -> str:
    """A node's name as Relax writes names of variables."""
    return node.replace(".", "_")


def _expression(
    builder: Any,
    node: Node,
    inputs: list[Any],
    weights: Mapping[str, npt.NDArray[Any]],
    bn_eps: float,
) -> Any:
    from tvm.relax import op

    match node:
        case Conv2d():
            return _convolution(builder, node, inputs[0], *folded(node, weights, bn_eps))
        case GlobalPool():
            return op.mean(inputs[0], axis=[1, 2], keepdims=True)
        case Gate():
            return op.multiply(*inputs)
        case Add():
            return op.add(*inputs)
        case AveragePool():
            return op.nn.avg_pool2d(inputs[0], node.window, node.strides, layout="NHWC")
        case Concat():
            return op.concat(inputs, axis=3)
        case Resize():
            return _resize(node, inputs[0])
        case MaxPool():
            pads = node.padding
            return op.nn.max_pool2d(inputs[0], node.window, node.strides, pads, layout="NHWC")
        case Softmax():
            return op.nn.softmax(inputs[0], axis=3)
        case Activate():
            return _activation(builder, node.activation, inputs[0])
    raise NotImplementedError(f"Relax has no form of {type(node).__name__}")


def _convolution(
    builder: Any,
    conv: Conv2d,
    data: Any,
    weight: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
) -> Any:
    from tvm import relax

    layout, order = ("HWOI", (2, 3, 0, 1)) if conv.depthwise else ("HWIO", (2, 3, 1, 0))
    sums = relax.op.nn.conv2d(
        data,
        relax.const(np.ascontiguousarray(weight.transpose(order))),
        strides=conv.strides,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
        data_layout="NHWC",
        kernel_layout=layout,
    )
    biased = relax.op.add(builder.emit(sums), relax.const(bias.reshape(1, 1, 1, -1)))
    if conv.activation == "none":
        return biased
    return _activation(builder, conv.activation, builder.emit(biased))


def _resize(resize: Resize, data: Any) -> Any:
    from tvm.relax import op

    return op.image.resize2d(
        data,
        resize.shape[:2],
        layout="NHWC",
        method="linear",
        coordinate_transformation_mode=resize.coordinates,
    )


def _activation(builder: Any, activation: Activation, data: Any) -> Any:
    from tvm.relax import op

    match activation:
        case "none":
            return data
        case "relu":
            return op.nn.relu(data)
        case "relu6":
            return op.clip(data, 0.0, 6.0)
        case "hswish":
            return operators.call(operators.HSWISH, data)
        case "naive_hswish":
            return _naive_hswish(builder, data)
        case "hard_sigmoid":
            return operators.call(operators.HARD_SIGMOID, data)
        case "sigmoid":
            return operators.call(operators.SIGMOID, data)


def _naive_hswish(builder: Any, data: Any) -> Any:
    """Four operators, x * ReLU6(x + 3) / 6: what table 5 compares the fused one with."""
    from tvm import relax
    from tvm.relax import op

    def constant(number: float) -> Any:
        return relax.const(number, "float32")

    shifted = builder.emit(op.add(data, constant(3.0)))
    clipped = builder.emit(op.clip(shifted, 0.0, 6.0))
    product = builder.emit(op.multiply(data, clipped))
    return op.multiply(product, constant(1 / 6))

"""A `Graph` as an ONNX model, and onnxruntime to execute it: a judge that is not ours.

Batch normalization stays a node of its own and onnxruntime's optimizer is off, so that folding is
judged too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from mnv3gen.graph.graph import (
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    Node,
    Resize,
    parameter_shapes,
)

OPSET = 17
IR_VERSION = 8
TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def to_onnx(graph: Graph, weights: Mapping[str, npt.NDArray[Any]]) -> onnx.ModelProto:
    """A float32 model; its input and outputs are NHWC with batch 1, inside everything is NCHW."""
    tensors = [
        numpy_helper.from_array(weights[name].astype(np.float32), name)
        for name in parameter_shapes(graph)
    ]
    tensors += [numpy_helper.from_array(np.float32(bound), f"clip.{bound}") for bound in (0, 6)]
    names = {graph.input: f"{graph.input}.nchw"}
    nodes = [helper.make_node("Transpose", [graph.input], [names[graph.input]], perm=TO_NCHW)]
    for node in graph.nodes:
        names[node.name] = f"{node.name}.nchw"
        inputs = [names[name] for name in node.inputs]
        nodes += _nodes(node, inputs, names[node.name], graph.bn_eps)
    nodes += [
        helper.make_node("Transpose", [names[name]], [name], perm=TO_NHWC) for name in graph.outputs
    ]
    return helper.make_model(
        helper.make_graph(
            nodes,
            graph.name,
            [_value(graph, graph.input)],
            [_value(graph, name) for name in graph.outputs],
            tensors,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


def run_onnx(model: onnx.ModelProto, data: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
    """The outputs (1, h, w, c) for an input (h, w, c), on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {session.get_inputs()[0].name: data[np.newaxis].astype(np.float32)}
    outputs: list[npt.NDArray[np.float32]] = session.run(None, feed)
    return outputs


def _nodes(node: Node, inputs: list[str], output: str, bn_eps: float) -> list[Any]:
    match node:
        case Conv2d():
            return _convolution(node, inputs[0], output, bn_eps)
        case GlobalPool():
            return [helper.make_node("GlobalAveragePool", inputs, [output])]
        case Gate():
            return [helper.make_node("Mul", inputs, [output])]
        case Add():
            return [helper.make_node("Add", inputs, [output])]
        case Concat():
            return [helper.make_node("Concat", inputs, [output], axis=1)]
        case AveragePool():
            window, strides = list(node.window), list(node.strides)
            return [
                helper.make_node(
                    "AveragePool", inputs, [output], kernel_shape=window, strides=strides
                )
            ]
        case Resize():
            return _resize(node, inputs[0], output)
    raise NotImplementedError(type(node).__name__)


def _convolution(conv: Conv2d, data: str, output: str, bn_eps: float) -> list[Any]:
    name = conv.name
    sums, normal = f"{name}.sums", f"{name}.normal"
    attributes = {
        "kernel_shape": [conv.kernel] * 2,
        "strides": [conv.stride] * 2,
        "dilations": [conv.dilation] * 2,
        "pads": list(conv.padding),
        "group": conv.groups,
    }
    if conv.batch_norm:
        parts = [f"{name}.bn.{p}" for p in ("weight", "bias", "running_mean", "running_var")]
        nodes = [
            helper.make_node("Conv", [data, f"{name}.weight"], [sums], **attributes),
            helper.make_node("BatchNormalization", [sums, *parts], [normal], epsilon=bn_eps),
        ]
    else:
        inputs = [data, f"{name}.weight", f"{name}.bias"]
        nodes = [helper.make_node("Conv", inputs, [normal], **attributes)]
    return [*nodes, _activation(conv, normal, output)]


def _resize(resize: Resize, data: str, output: str) -> list[Any]:
    height, width, channels = resize.shape
    sizes = numpy_helper.from_array(np.array([1, channels, height, width]), f"{output}.sizes")
    return [
        helper.make_node("Constant", [], [f"{output}.sizes"], value=sizes),
        helper.make_node(
            "Resize",
            [data, "", "", f"{output}.sizes"],
            [output],
            mode="linear",
            coordinate_transformation_mode=resize.coordinates,
        ),
    ]


def _activation(conv: Conv2d, data: str, output: str) -> Any:
    match conv.activation:
        case "none":
            return helper.make_node("Identity", [data], [output])
        case "relu":
            return helper.make_node("Relu", [data], [output])
        case "relu6":
            return helper.make_node("Clip", [data, "clip.0", "clip.6"], [output])
        case "hswish" | "naive_hswish":
            return helper.make_node("HardSwish", [data], [output])
        case "hard_sigmoid":
            return helper.make_node("HardSigmoid", [data], [output], alpha=1 / 6, beta=0.5)
        case "sigmoid":
            return helper.make_node("Sigmoid", [data], [output])


def _value(graph: Graph, tensor: str) -> Any:
    shape = (1, *graph.shape(tensor))
    return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)

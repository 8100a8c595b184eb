"""Graph to ONNX: standard operators, float32, batch 1, NCHW inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

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
    Shape,
    Softmax,
)
from mnv3gen.lower.fold import folded

if TYPE_CHECKING:
    import onnx

OPSET = 17
IR_VERSION = 8
TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]

Layout = Literal["NHWC", "NCHW"]


def to_onnx(
    graph: Graph,
    weights: Mapping[str, npt.NDArray[Any]],
    layout: Layout = "NHWC",
    fold: bool = False,
) -> onnx.ModelProto:
    """A model of a graph; `layout` is that of its input and outputs, with batch 1.

    Batch normalization is a node of its own, or with `fold` part of the convolution before it, as
    exporters write it. H-swish, naive or not, is the operator HardSwish.
    """
    return _Printer(graph, weights, layout, fold).model()


class _Printer:
    """The nodes and tensors made so far."""

    def __init__(
        self, graph: Graph, weights: Mapping[str, npt.NDArray[Any]], layout: Layout, fold: bool
    ) -> None:
        self.graph = graph
        self.weights = weights
        self.layout = layout
        self.fold = fold
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def model(self) -> onnx.ModelProto:
        from onnx import helper

        graph = self.graph
        names = {name: name for name in (graph.input, *(node.name for node in graph.nodes))}
        if self.layout == "NHWC":
            names = {name: f"{name}.nchw" for name in names}
            self.add("Transpose", [graph.input], names[graph.input], perm=TO_NCHW)
        for node in graph.nodes:
            self.node(node, [names[name] for name in node.inputs], names[node.name])
        if self.layout == "NHWC":
            for name in graph.outputs:
                self.add("Transpose", [names[name]], name, perm=TO_NHWC)
        printed = helper.make_graph(
            self.nodes,
            graph.name,
            [self.value(graph.input)],
            [self.value(name) for name in graph.outputs],
            self.tensors,
        )
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(printed, opset_imports=[opset], ir_version=IR_VERSION)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def value(self, tensor: str) -> Any:
        from onnx import TensorProto, helper

        shape = shape_in(self.layout, self.graph.shape(tensor))
        return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)

    def node(self, node: Node, inputs: list[str], output: str) -> None:
        match node:
            case Conv2d():
                self.convolution(node, inputs[0], output)
            case GlobalPool():
                self.add("GlobalAveragePool", inputs, output)
            case Gate():
                self.add("Mul", inputs, output)
            case Add():
                self.add("Add", inputs, output)
            case Concat():
                self.add("Concat", inputs, output, axis=1)
            case AveragePool():
                window, strides = list(node.window), list(node.strides)
                self.add("AveragePool", inputs, output, kernel_shape=window, strides=strides)
            case MaxPool():
                window, strides, pads = list(node.window), list(node.strides), list(node.padding)
                attributes = {"kernel_shape": window, "strides": strides, "pads": pads}
                self.add("MaxPool", inputs, output, **attributes)
            case Activate():
                self.activation(node.activation, inputs[0], output)
            case Softmax():
                self.add("Softmax", inputs, output, axis=1)
            case Resize():
                self.resize(node, inputs[0], output)
            case _:
                raise NotImplementedError(f"ONNX has no form of {type(node).__name__}")

    def convolution(self, conv: Conv2d, data: str, output: str) -> None:
        sums = f"{conv.name}.sums"
        before = output if conv.activation == "none" else f"{conv.name}.linear"
        attributes = {
            "kernel_shape": [conv.kernel] * 2,
            "strides": list(conv.strides),
            "dilations": [conv.dilation] * 2,
            "pads": list(conv.padding),
            "group": conv.groups,
        }
        if conv.batch_norm and not self.fold:
            weight, *parts = (
                self.parameter(f"{conv.name}.{part}")
                for part in ("weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
            )
            self.add("Conv", [data, weight], sums, **attributes)
            self.add("BatchNormalization", [sums, *parts], before, epsilon=self.graph.bn_eps)
        else:
            pair = folded(conv, self.weights, self.graph.bn_eps)
            names = (f"{conv.name}.weight", f"{conv.name}.bias")
            constants = [self.constant(*each) for each in zip(names, pair, strict=True)]
            self.add("Conv", [data, *constants], before, **attributes)
        self.activation(conv.activation, before, output)

    def parameter(self, name: str) -> str:
        return self.constant(name, self.weights[name].astype(np.float32))

    def activation(self, activation: Activation, data: str, output: str) -> None:
        match activation:
            case "none":
                return
            case "relu":
                self.add("Relu", [data], output)
            case "relu6":
                bounds = [
                    self.constant(f"{output}.{bound}", np.array(bound, np.float32))
                    for bound in (0, 6)
                ]
                self.add("Clip", [data, *bounds], output)
            case "hswish" | "naive_hswish":
                self.add("HardSwish", [data], output)
            case "hard_sigmoid":
                self.add("HardSigmoid", [data], output, alpha=1 / 6, beta=0.5)
            case "sigmoid":
                self.add("Sigmoid", [data], output)

    def resize(self, resize: Resize, data: str, output: str) -> None:
        sizes = self.constant(f"{output}.sizes", np.array(shape_in("NCHW", resize.shape), np.int64))
        attributes = {"mode": "linear", "coordinate_transformation_mode": resize.coordinates}
        self.add("Resize", [data, "", "", sizes], output, **attributes)


def shape_in(layout: Layout, shape: Shape) -> tuple[int, int, int, int]:
    """A tensor's shape (h, w, c) with batch 1 in a layout."""
    height, width, channels = shape
    return (1, channels, height, width) if layout == "NCHW" else (1, height, width, channels)

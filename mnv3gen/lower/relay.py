"""Graph to Relay: text of version 0.0.5 and the parameters beside it, float32, BN folded.

Relay is the graph IR of TVM until 0.19; its parser reads this text from 0.8 on. Relay has neither
h-swish nor hard-sigmoid: they are written out, and its own fusion makes them one kernel again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

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

VERSION = '#[version = "0.0.5"]'
SIXTH = "0.16666667f"

Layout: TypeAlias = Literal["NCHW", "NHWC"]
Array: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RelayModel:
    """The text of a module, and the parameters of its `main` by name (without the `%`)."""

    text: str
    params: dict[str, npt.NDArray[Any]]


def to_relay(
    graph: Graph, weights: Mapping[str, npt.NDArray[Any]], layout: Layout = "NCHW"
) -> RelayModel:
    """A module whose `main` takes the input with batch 1, then the parameters.

    Input, outputs and everything between them have the layout. Several outputs come as a tuple.
    """
    printer = Printer(graph, layout)
    for node in graph.nodes:
        printer.node(node, weights)
    return printer.model()


def relay_name(name: str) -> str:
    """A name of the graph's as a Relay variable is called."""
    return name.replace(".", "_")


class Printer:
    """The lines and parameters made so far; `values` has the expression of each tensor.

    What makes integers of a network (`mnv3gen.quantize.relay`) is one too.
    """

    def __init__(self, graph: Graph, layout: Layout) -> None:
        self.graph, self.layout = graph, layout
        self.lines: list[str] = []
        self.params: dict[str, npt.NDArray[Any]] = {}
        self.values = {graph.input: f"%{relay_name(graph.input)}"}

    def model(self) -> RelayModel:
        """The module of all that was printed."""
        outputs = [self.output(name) for name in self.graph.outputs]
        result = outputs[0] if len(outputs) == 1 else f"({', '.join(outputs)})"
        shape = self.shape(self.graph.input_shape)
        data = f"%{relay_name(self.graph.input)}: {_type(shape, 'float32')}"
        rest = (f"%{name}: {_type(it.shape, it.dtype)}" for name, it in self.params.items())
        parameters = ", ".join([data, *rest])
        body = "".join(f"  {line}\n" for line in [*self.lines, result])
        return RelayModel(f"{VERSION}\ndef @main({parameters}) {{\n{body}}}\n", self.params)

    def output(self, name: str) -> str:
        """The expression of an output."""
        return self.values[name]

    def node(self, node: Node, weights: Mapping[str, npt.NDArray[Any]]) -> None:
        """Print a node in float32."""
        inputs = [self.values[name] for name in node.inputs]
        match node:
            case Conv2d():
                pair = folded(node, weights, self.graph.bn_eps)
                value = self.convolution(node, inputs[0], *pair)
            case Activate():
                value = self.activation(node.activation, inputs[0])
            case _:
                value = self.call(*self.plain(node, inputs))
        self.lines[-1] += f"  /* {node.name} */"
        self.values[node.name] = value

    def plain(self, node: Node, inputs: list[str]) -> tuple[str, list[str], str]:
        """Operator, arguments and attributes of a node that is one operator of Relay."""
        channels, rows = self.layout.index("C"), self.layout.index("H")
        match node:
            case GlobalPool():
                return "mean", inputs, f"axis=[{rows}, {rows + 1}], keepdims=True"
            case Gate():
                return "multiply", inputs, ""
            case Add():
                return "add", inputs, ""
            case Concat():
                return "concatenate", [self.joined(inputs)], f"axis={channels}"
            case Softmax():
                return "nn.softmax", inputs, f"axis={channels}"
            case AveragePool():
                return "nn.avg_pool2d", inputs, self.window(node, (0, 0, 0, 0))
            case MaxPool():
                return "nn.max_pool2d", inputs, self.window(node, node.padding)
            case Resize():
                mode = f'method="linear", coordinate_transformation_mode="{node.coordinates}"'
                size = f"size={list(node.shape[:2])}, roi=[0f, 0f, 0f, 0f]"
                rest = f'layout="{self.layout}", {mode}, rounding_method="", cubic_alpha=-0.5f'
                return "image.resize2d", inputs, f"{size}, {rest}"
        raise NotImplementedError(f"Relay has no form of {type(node).__name__}")

    def window(self, pool: AveragePool | MaxPool, padding: tuple[int, ...]) -> str:
        """A pool's attributes."""
        sides = f"pool_size={list(pool.window)}, strides={list(pool.strides)}"
        return f'{sides}, padding={list(padding)}, layout="{self.layout}"'

    def convolution(self, conv: Conv2d, data: str, weight: Array, bias: Array) -> str:
        """A convolution of weights OIHW, its bias and activation."""
        weights, attributes = self.window_of(conv, weight)
        sums = self.call("nn.conv2d", [data, weights], attributes)
        biases = self.parameter(f"{conv.name}.bias", bias)
        biased = self.call("nn.bias_add", [sums, biases], f"axis={self.layout.index('C')}")
        return self.activation(conv.activation, biased)

    def window_of(self, conv: Conv2d, weight: npt.NDArray[Any]) -> tuple[str, str]:
        """The parameter of a convolution's weights (OIHW), and its attributes."""
        kernel_layout, order = _weight_layout(self.layout, conv.depthwise)
        weight = np.ascontiguousarray(weight.transpose(order))
        attributes = (
            f"strides={list(conv.strides)}, padding={list(conv.padding)}, "
            f"dilation={[conv.dilation] * 2}, groups={conv.groups}, channels={conv.shape[2]}, "
            f"kernel_size={[conv.kernel] * 2}, "
            f'data_layout="{self.layout}", kernel_layout="{kernel_layout}"'
        )
        return self.parameter(f"{conv.name}.weight", weight), attributes

    def activation(self, activation: Activation, data: str) -> str:
        """An activation, written out where Relay has none."""
        match activation:
            case "none":
                return data
            case "relu":
                return self.call("nn.relu", [data])
            case "relu6":
                return self.call("clip", [data], "a_min=0f, a_max=6f")
            case "sigmoid":
                return self.call("sigmoid", [data])
        shifted = self.call("add", [data, "3f"])
        clipped = self.call("clip", [shifted], "a_min=0f, a_max=6f")
        if activation != "hard_sigmoid":
            clipped = self.call("multiply", [data, clipped])
        return self.call("multiply", [clipped, SIXTH])

    def call(self, operator: str, arguments: Iterable[str], attributes: str = "") -> str:
        """A line that calls an operator; the variable that it binds."""
        words = [*arguments, *([attributes] if attributes else [])]
        return self.bind(f"{operator}({', '.join(words)})")

    def joined(self, values: list[str]) -> str:
        """A tuple of values."""
        return self.bind(f"({', '.join(values)})")

    def bind(self, expression: str) -> str:
        """A line of its own for an expression; the variable."""
        name = f"%{len(self.lines)}"
        self.lines.append(f"{name} = {expression};")
        return name

    def parameter(self, name: str, value: npt.NDArray[Any]) -> str:
        """A parameter of `main` by its name in the graph; the variable."""
        self.params[relay_name(name)] = value
        return f"%{relay_name(name)}"

    def shape(self, shape: Shape) -> tuple[int, ...]:
        """A tensor's shape with batch 1, in the layout."""
        height, width, channels = shape
        return (1, channels, height, width) if self.layout == "NCHW" else (1, *shape)


def _weight_layout(layout: Layout, depthwise: bool) -> tuple[str, tuple[int, ...]]:
    """Relay's name of a layout of weights, and how to get there from OIHW."""
    if layout == "NCHW":
        return "OIHW", (0, 1, 2, 3)
    return ("HWOI", (2, 3, 0, 1)) if depthwise else ("HWIO", (2, 3, 1, 0))


def _type(shape: tuple[int, ...], dtype: object) -> str:
    return f"Tensor[({', '.join(map(str, shape))}), {dtype}]"

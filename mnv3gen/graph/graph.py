"""`Graph`: the primitive operators that a network expands to, with shapes and parameter names.

Shapes are (height, width, channels); every tensor is NHWC with batch 1. A node is named by what it
is in its network (`bneck13.expand`), and that name is also the name of the tensor it makes and the
prefix of its parameters. The operators are the whole vocabulary of every printer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Shape: TypeAlias = tuple[int, int, int]
Activation: TypeAlias = Literal[
    "none", "relu", "relu6", "hswish", "naive_hswish", "hard_sigmoid", "sigmoid"
]
Coordinates: TypeAlias = Literal["align_corners", "half_pixel"]


@dataclass(frozen=True)
class Node:
    """One operator: `shape` is its output's, `row` the index of the table row it belongs to."""

    name: str
    inputs: tuple[str, ...]
    shape: Shape
    row: int


@dataclass(frozen=True)
class Conv2d(Node):
    """Convolution with its batch normalization or bias and its activation.

    `groups` is 1, or the number of channels for a depthwise convolution. `padding` is (top, left,
    bottom, right) in pixels of zeros. `stride` is the step down, and along a row too unless `along`
    is another.
    """

    in_channels: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    batch_norm: bool = True
    activation: Activation = "none"
    along: int = 0

    @property
    def strides(self) -> tuple[int, int]:
        """The steps down and along a row."""
        return self.stride, self.along or self.stride

    @property
    def depthwise(self) -> bool:
        """Whether every channel has a filter of its own."""
        return self.groups == self.in_channels == self.shape[2] and self.groups > 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """OIHW."""
        return (self.shape[2], self.in_channels // self.groups, self.kernel, self.kernel)


@dataclass(frozen=True)
class GlobalPool(Node):
    """The mean of each channel over all positions: (h, w, c) to (1, 1, c)."""


@dataclass(frozen=True)
class AveragePool(Node):
    """The mean of each channel over windows that lie whole inside of the map (VALID padding)."""

    window: tuple[int, int]
    strides: tuple[int, int]


@dataclass(frozen=True)
class MaxPool(Node):
    """The largest of each channel in windows; `padding` (as in `Conv2d`) is never the largest."""

    window: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True)
class Activate(Node):
    """An activation that follows no convolution."""

    activation: Activation


@dataclass(frozen=True)
class Softmax(Node):
    """The softmax over the channels of each position."""


@dataclass(frozen=True)
class Gate(Node):
    """Scaling: (h, w, c) times (1, 1, c), as in squeeze-and-excite, or times (h, w, c)."""


@dataclass(frozen=True)
class Add(Node):
    """The residual sum of two tensors of one shape: (branch, shortcut)."""


@dataclass(frozen=True)
class Concat(Node):
    """The channels of several tensors of one height and width, one after the other."""


@dataclass(frozen=True)
class Resize(Node):
    """Bilinear interpolation to `shape`.

    An output pixel i reads the input at i * (in - 1) / (out - 1) with "align_corners"
    (TensorFlow 1), at (i + 1/2) * in / out - 1/2 with "half_pixel" (torch), kept inside.
    """

    coordinates: Coordinates


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can be computed; `outputs` are names of nodes."""

    name: str
    input: str
    input_shape: Shape
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    bn_eps: float = 0.001

    def __post_init__(self) -> None:
        if len(set(self.outputs)) != len(self.outputs):
            raise ValueError(f"{self.name}: an output is listed twice: {self.outputs}")

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    def node(self, name: str) -> Node:
        """The node of that name; KeyError if there is none."""
        return self._by_name[name]

    def shape(self, tensor: str) -> Shape:
        """The shape of a node's output or of the input."""
        return self.input_shape if tensor == self.input else self._by_name[tensor].shape

    @property
    def convolutions(self) -> tuple[Conv2d, ...]:
        """The nodes that own parameters, in order."""
        return tuple(node for node in self.nodes if isinstance(node, Conv2d))


def parameter_shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Every parameter's name and shape, in the order of the nodes.

    `<node>.weight` is OIHW. With batch normalization follow `<node>.bn.weight` (gamma), `.bn.bias`
    (beta), `.bn.running_mean` and `.bn.running_var`, else `<node>.bias`; all have one value for
    each output channel.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for conv in graph.convolutions:
        shapes[f"{conv.name}.weight"] = conv.weight_shape
        vectors = (
            ("bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
            if conv.batch_norm
            else ("bias",)
        )
        shapes.update({f"{conv.name}.{vector}": (conv.shape[2],) for vector in vectors})
    return shapes

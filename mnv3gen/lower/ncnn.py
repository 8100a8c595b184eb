"""Graph to ncnn: a .param text of layers and a .bin of float32 weights, BN folded.

Layers are those that ncnn's converter pnnx makes: ReLU and sigmoid stand in the convolution's own
fields, h-swish is a layer. A blob may be read by one layer only, so that whatever is read more
often goes through a Split. A global pool leaves a vector, which InnerProduct reads.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from mnv3gen.graph.graph import (
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    Node,
    Resize,
)
from mnv3gen.lower.fold import folded

MAGIC = 7767517
FLOAT32_TAG = b"\0\0\0\0"  # before each weight: raw float32 follows
ADD, MULTIPLY = 0, 2  # of BinaryOp
AVERAGE, BILINEAR, VALID = 1, 2, 1  # of Pooling, Interp, Pooling
# Field 9 of a convolution is its activation; its parameters are an array, keyed -23300 - 10.
FUSED: dict[Activation, str] = {
    "none": "",
    "relu": " 9=1",
    "relu6": " 9=3 -23310=2,0.0,6.0",
    "sigmoid": " 9=4",
}
SEPARATE: dict[Activation, tuple[str, str]] = {
    "hswish": ("HardSwish", "0=1.6666667e-1 1=5.0e-1"),
    "naive_hswish": ("HardSwish", "0=1.6666667e-1 1=5.0e-1"),
    "hard_sigmoid": ("HardSigmoid", "0=1.6666667e-1 1=5.0e-1"),
}


@dataclass(frozen=True)
class NcnnModel:
    """The contents of the .param and the .bin file, and the blobs that hold the outputs.

    The input is the blob `input`, (c, h, w); an output is (c, h, w) too, or (c,) after a global
    pool.
    """

    param: str
    data: bytes
    outputs: tuple[str, ...]


def to_ncnn(graph: Graph, weights: Mapping[str, npt.NDArray[Any]]) -> NcnnModel:
    """A graph as ncnn reads it."""
    layers = _Layers(graph)
    height, width, channels = graph.input_shape
    layers.add("Input", graph.input, [], f"0={width} 1={height} 2={channels}")
    data = []
    for node in graph.nodes:
        _node(layers, node)
        if isinstance(node, Conv2d):
            weight, bias = folded(node, weights, graph.bn_eps)
            data += [FLOAT32_TAG, weight.tobytes(), bias.tobytes()]
    outputs = tuple(layers.read(name) for name in graph.outputs)
    return NcnnModel(layers.text(), b"".join(data), outputs)


class _Layers:
    """The lines made so far, and for each tensor the blobs that nothing has read yet."""

    def __init__(self, graph: Graph) -> None:
        readers = [name for node in graph.nodes for name in node.inputs]
        self.readers = Counter([*readers, *graph.outputs])
        self.lines: list[str] = []
        self.blobs: dict[str, list[str]] = {}
        self.blob_count = 0
        self.vectors: set[str] = set()

    def add(self, kind: str, name: str, inputs: Sequence[str], fields: str = "") -> None:
        """A layer that makes the tensor of its name, with a copy for each of its readers."""
        self._line(kind, name, [self.read(each) for each in inputs], [name], fields)
        self.blobs[name] = [name]
        if (readers := self.readers[name]) > 1:
            self.blobs[name] = [f"{name}.{index}" for index in range(readers)]
            self._line("Split", f"{name}.split", [name], self.blobs[name], "")

    def maps(self, tensors: Sequence[str]) -> list[str]:
        """The tensors with three dimensions, as ncnn's layers for maps take them."""
        reshaped = []
        for tensor in tensors:
            name = tensor
            if tensor in self.vectors:
                name = f"{tensor}.map{len(self.lines)}"
                self.add("Reshape", name, [tensor], "0=1 1=1 2=-1")
            reshaped.append(name)
        return reshaped

    def read(self, tensor: str) -> str:
        """The blob for one reader of a tensor."""
        return self.blobs[tensor].pop()

    def _line(
        self, kind: str, name: str, inputs: Sequence[str], outputs: Sequence[str], fields: str
    ) -> None:
        self.blob_count += len(outputs)
        words = [kind, name, str(len(inputs)), str(len(outputs)), *inputs, *outputs, fields]
        self.lines.append(" ".join(words).rstrip())

    def text(self) -> str:
        """The .param file."""
        counts = f"{len(self.lines)} {self.blob_count}"
        return "\n".join([str(MAGIC), counts, *self.lines]) + "\n"


def _node(layers: _Layers, node: Node) -> None:
    name, inputs = node.name, node.inputs
    match node:
        case Conv2d():
            _convolution(layers, node)
        case GlobalPool():
            layers.add("Pooling", name, inputs, f"0={AVERAGE} 4=1")
            layers.vectors.add(name)
        case Gate() | Add():
            operation = ADD if isinstance(node, Add) else MULTIPLY
            if layers.vectors.issuperset(inputs):
                layers.vectors.add(name)
            layers.add("BinaryOp", name, inputs, f"0={operation}")
        case Concat():
            layers.add("Concat", name, layers.maps(inputs), "0=0")
        case AveragePool():
            (height, width), (down, along) = node.window, node.strides
            fields = f"0={AVERAGE} 1={width} 11={height} 2={along} 12={down} 5={VALID}"
            layers.add("Pooling", name, layers.maps(inputs), fields)
        case Resize():
            corners = int(node.coordinates == "align_corners")
            fields = f"0={BILINEAR} 3={node.shape[0]} 4={node.shape[1]} 6={corners}"
            layers.add("Interp", name, layers.maps(inputs), fields)
        case _:
            raise NotImplementedError(f"ncnn has no form of {type(node).__name__}")


def _convolution(layers: _Layers, conv: Conv2d) -> None:
    top, left, bottom, right = conv.padding
    out, size, inputs = conv.shape[2], math.prod(conv.weight_shape), list(conv.inputs)
    separate = SEPARATE.get(conv.activation)
    name = f"{conv.name}.linear" if separate else conv.name
    if layers.vectors.issuperset(inputs) and conv.kernel == conv.groups == 1:
        kind, fields = "InnerProduct", f"0={out} 1=1 2={size}"
        layers.vectors |= {name, conv.name}
    else:
        kind, inputs = "Convolution", layers.maps(inputs)
        fields = (
            f"0={out} 1={conv.kernel} 2={conv.dilation} 3={conv.strides[1]} "
            f"4={left} 14={top} 15={right} 16={bottom} 5=1 6={size}"
        )
        fields += f" 13={conv.strides[0]}" if conv.along else ""
    if conv.depthwise:
        kind, fields = "ConvolutionDepthWise", f"{fields} 7={conv.groups}"
    layers.add(kind, name, inputs, fields + FUSED.get(conv.activation, ""))
    if separate:
        layers.add(separate[0], conv.name, [name], separate[1])

"""A graph in the making: nodes and their parameters as they are added, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Activate, Activation, Conv2d, Node, Shape

Array: TypeAlias = npt.NDArray[Any]
INPUT = "input"


@dataclass
class Draft:
    """`scales` has the names of the convolutions that only scale and shift each channel."""

    input_shape: Shape
    nodes: list[Node] = field(default_factory=list)
    weights: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    scales: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def name(self, kind: str) -> str:
        """A new name, such as conv2d3."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"{kind}{self.counts[kind]}"

    def shape(self, tensor: str) -> Shape:
        """The shape of a tensor."""
        if tensor == INPUT:
            return self.input_shape
        return next(node.shape for node in reversed(self.nodes) if node.name == tensor)

    def position(self, tensor: str) -> int:
        """Where a tensor is made; -1 for the input."""
        names = [node.name for node in self.nodes]
        return -1 if tensor == INPUT else names.index(tensor)

    def add(self, node: Node) -> str:
        """Append a node; its name."""
        self.nodes.append(node)
        return node.name

    def convolution(
        self, source: str, weight: Array, bias: Array, shape: Shape, **fields: Any
    ) -> str:
        """Append a convolution; `weight` is OIHW and square."""
        name = self.name("conv2d")
        self.weights[f"{name}.weight"] = weight.astype(np.float64)
        self.weights[f"{name}.bias"] = bias.astype(np.float64)
        return self.add(
            Conv2d(
                name,
                (source,),
                shape,
                0,
                in_channels=self.shape(source)[2],
                kernel=weight.shape[2],
                batch_norm=False,
                **fields,
            )
        )

    def scaled(self, source: str, scale: Array, shift: Array) -> str:
        """Append what multiplies and shifts each channel: a depthwise 1x1 convolution."""
        shape = self.shape(source)
        channels = shape[2]
        weight = np.broadcast_to(np.asarray(scale, np.float64), (channels,))
        bias = np.broadcast_to(np.asarray(shift, np.float64), (channels,))
        name = self.convolution(source, weight.reshape(-1, 1, 1, 1), bias, shape, groups=channels)
        self.scales.add(name)
        return name

    def activated(self, source: str, activation: Activation) -> str:
        """Append an activation."""
        shape = self.shape(source)
        return self.add(Activate(self.name("activate"), (source,), shape, 0, activation))


def padded_square(
    weight: Array, padding: Sequence[int], dilation: int
) -> tuple[Array, tuple[int, int, int, int]]:
    """A rectangular kernel as a square one: zeros below or right of it, over as much padding."""
    side = max(weight.shape[2:])
    down, right = side - weight.shape[2], side - weight.shape[3]
    square = np.pad(weight, ((0, 0), (0, 0), (0, down), (0, right)))
    top, left, bottom, after = padding
    return square, (top, left, bottom + down * dilation, after + right * dilation)

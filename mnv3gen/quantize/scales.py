"""Scales of a graph's tensors from their ranges: shared where they must be, raised where too small.

The tensors around a `Concat` or a `Resize` have one scale. A range always has 0 in it, so that a
zero point exists, and is no wider than what its activation can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
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
from mnv3gen.quantize.constants import INTEGER_FORMS, least_power, least_scale
from mnv3gen.quantize.quantized import Raised, Scale, sums_name
from mnv3gen.quantize.weights import BELOW_ONE, LEFTMOST, weight_scales

Array: TypeAlias = npt.NDArray[Any]
Range: TypeAlias = tuple[float, float]

SMALLEST = 1e-30  # float32 has its inverse
OF_NOTHING = 2.0**-16  # the scale of a tensor that is 0 wherever calibration looked
UNIT: Range = (0.0, 255 / 256)  # of a sigmoid: scale 1/256, zero point -128
LIMITS: dict[Activation, Range] = {
    "relu": (0.0, np.inf),
    "relu6": (0.0, 6.0),
    "hswish": (-0.375, np.inf),  # x (x + 3) / 6 at x = -1.5
    "naive_hswish": (-0.375, np.inf),
}
ROUNDS = 50


class Scales:
    """Scales in the making: each only grows until every operator's constants fit."""

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Array],
        ranges: Mapping[str, Range],
        float_nodes: frozenset[str],
    ) -> None:
        self.graph, self.weights, self.ranges = graph, weights, ranges
        self.nodes = [node for node in graph.nodes if node.name not in float_nodes]
        self.leader = _groups(graph, self.nodes)
        self.wanted = self._wanted()
        self.made = dict(self.wanted)
        self._raise()

    def scale(self, tensor: str) -> Scale:
        """The scale of a tensor of the graph, or of what stands before a table."""
        group = self.leader.get(tensor, tensor)
        low = self.range(group)[0]
        scale = self.made[group]
        return Scale(scale, round(-128 - low / scale))

    def range(self, group: str) -> Range:
        """The range of all tensors of a group together."""
        return self._group_ranges[group]

    def sums(self, conv: Conv2d) -> Scale:
        """The scale of what a convolution requantizes to: its output's, or one of its own."""
        return self.scale(sums_name(conv.name) if self.has_table(conv) else conv.name)

    def has_table(self, conv: Conv2d) -> bool:
        """Whether saturation of the output is not the activation, and no integer form is."""
        if conv.activation in ("none", *INTEGER_FORMS):
            return False
        if conv.activation == "sigmoid":
            return True
        scale = self.scale(conv.name)
        top = (127 - scale.zero_point) * scale.scale
        # Half an element: beyond it the element of 6 is not the last one.
        clips = conv.activation == "relu" or top <= 6 + scale.scale / 2
        return scale.zero_point != -128 or not clips

    @property
    def raised(self) -> tuple[Raised, ...]:
        """The scales that are larger than their ranges ask for, one of each group."""
        return tuple(
            Raised(tensor, self.wanted[tensor], made)
            for tensor, made in self.made.items()
            if made > self.wanted[tensor]
        )

    def _wanted(self) -> dict[str, float]:
        """A scale a group, by the name of its leader."""
        self._group_ranges: dict[str, Range] = {}
        for tensor, own in _own_ranges(self.graph, self.ranges).items():
            group = self.leader.get(tensor, tensor)
            other = self._group_ranges.get(group, own)
            self._group_ranges[group] = min(own[0], other[0]), max(own[1], other[1])
        return {group: _scale_of(each) for group, each in self._group_ranges.items()}

    def _raise(self) -> None:
        for _ in range(ROUNDS):
            if not sum(map(self._raise_for, self.nodes)):
                return
        raise InputError(
            "cannot be computed in int8: no scales fit, the joined tensors differ too much",
            place=self.graph.name,
            expected="other calibration data, or nodes in float32",
        )

    def _raise_for(self, node: Node) -> bool:
        tensor = node.name
        if isinstance(node, Conv2d) and self.has_table(node):
            tensor = sums_name(node.name)
        group = self.leader.get(tensor, tensor)
        least = self._least(node)
        if self.made[group] >= least:
            return False
        self.made[group] = least * (1 + 2**-40)
        return True

    def _least(self, node: Node) -> float:
        """The smallest scale of a node's output for which its constants fit."""
        scales = [self.scale(name).scale for name in node.inputs]
        match node:
            case Conv2d():
                return self._least_of_convolution(node, scales[0])
            case GlobalPool() | AveragePool():
                return scales[0] * 2.0**-10  # the factor of the sums stays inside of int32
            case Gate():
                return 64 * scales[0] * scales[1] / BELOW_ONE
            case Add():
                return max(scales) / 4 / BELOW_ONE
        return 0.0

    def _least_of_convolution(self, conv: Conv2d, scale: float) -> float:
        weight, bias = (self.weights[f"{conv.name}.{part}"] for part in ("weight", "bias"))
        unit = weight_scales(weight, bias, scale) * scale
        if conv.activation in INTEGER_FORMS:
            largest = self.ranges[sums_name(conv.name)][1]
            return least_scale(conv, least_power(conv, unit, largest))
        return float(32 * unit.max() * 2.0**LEFTMOST / BELOW_ONE)


def _own_ranges(graph: Graph, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """The range of each tensor, and of what stands before a table, with 0 in it."""
    own = {graph.input: _with_zero(graph.input, ranges[graph.input])}
    for node in graph.nodes:
        own[node.name] = _with_zero(node.name, ranges[node.name])
        if not isinstance(node, Conv2d):
            continue
        low, high = LIMITS.get(node.activation, (-np.inf, np.inf))
        own[node.name] = max(own[node.name][0], low), min(own[node.name][1], high)
        if node.activation in ("sigmoid", "hard_sigmoid"):
            own[node.name] = UNIT
        if node.activation == "sigmoid":
            sums = sums_name(node.name)
            own[sums] = _with_zero(sums, ranges[sums])
        elif node.activation in ("relu", "relu6"):
            own[sums_name(node.name)] = own[node.name]
    return own


def _with_zero(name: str, given: Range) -> Range:
    if not np.isfinite(given).all():
        raise InputError(
            "a range that is not finite",
            place=name,
            found=given,
            expected="weights and calibration data for which no float32 overflows",
        )
    return min(float(given[0]), 0.0), max(float(given[1]), 0.0)


def _scale_of(given: Range) -> float:
    low, high = given
    return max((high - low) / 255, SMALLEST) if high > low else OF_NOTHING


def _groups(graph: Graph, nodes: list[Node]) -> dict[str, str]:
    """For each tensor of the graph, the one that stands for all that share its scale."""
    leader = {name: name for name in (graph.input, *(node.name for node in graph.nodes))}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for node in nodes:
        if isinstance(node, Concat | Resize):
            for name in node.inputs:
                leader[find(name)] = find(node.name)
    return {name: find(name) for name in leader}

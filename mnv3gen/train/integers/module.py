"""A module that computes what the int8 network does, and learns as if nothing were rounded.

Every tensor goes both ways: as elements, by the integer operators and the constants that
`quantize_graph` makes of the weights as they are, and as numbers, by the float operators with
rounded weights. The value of a tensor is what its elements stand for; its gradient is that of the
numbers, inside of the range that the elements can express (the straight-through estimator).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from mnv3gen.errors import InputError
from mnv3gen.graph.graph import Add, Conv2d, Gate, GlobalPool, Graph, Node, parameter_shapes
from mnv3gen.lower.torch import activate
from mnv3gen.quantize.folding import fold
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized, Scale
from mnv3gen.quantize.scales import Range
from mnv3gen.train.integers import arithmetic

Tensor: TypeAlias = torch.Tensor
Pair: TypeAlias = tuple[Tensor, Tensor]
"""Elements and the numbers that they stand for."""

EXACT_COUNT = (1 << 24) // (128 * 127)  # products whose sum float32 holds exactly
KINDS = (Conv2d, GlobalPool, Gate, Add)
ACTIVATIONS = ("none", "relu", "relu6", "hswish", "naive_hswish", "hard_sigmoid")
REQUANTIZE = {
    "hswish": arithmetic.requantize_hswish,
    "naive_hswish": arithmetic.requantize_hswish,
    "hard_sigmoid": arithmetic.requantize_hard_sigmoid,
}


class IntegerModule(nn.Module):  # type: ignore[misc]
    """A classifier with folded batch normalization, its tensors' ranges fixed.

    `state_dict` has the names of the folded graph: `<node>.weight` and `<node>.bias`.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, npt.NDArray[Any]],
        ranges: Mapping[str, Range],
    ) -> None:
        """InputError for an operator that only detectors and segmentations have."""
        super().__init__()
        _check(graph)
        self.graph, values = fold(graph, weights)
        self.ranges = dict(ranges)
        self.parts = nn.ParameterDict(
            {_key(name): nn.Parameter(torch.from_numpy(value)) for name, value in values.items()}
        )

    def values(self) -> dict[str, npt.NDArray[np.float32]]:
        """The weights by name; copies."""
        return {
            name: self.parts[_key(name)].detach().cpu().numpy().copy()
            for name in parameter_shapes(self.graph)
        }

    def quantized(self) -> Quantized:
        """The int8 network of the weights as they are."""
        return quantize_graph(self.graph, self.values(), self.ranges)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs by name, for images (n, c, h, w)."""
        quantized = self.quantized()
        tensors = {self.graph.input: _entered(images, quantized.scales[self.graph.input])}
        for node in self.graph.nodes:
            inputs = [tensors[name] for name in node.inputs]
            tensors[node.name] = self._computed(node, inputs, quantized)
        return {name: tensors[name][1] for name in self.graph.outputs}

    def _computed(self, node: Node, inputs: list[Pair], quantized: Quantized) -> Pair:
        elements, numbers = [pair[0] for pair in inputs], [pair[1] for pair in inputs]
        if isinstance(node, Conv2d):
            constants = quantized.convolution(node.name)
            with torch.no_grad():
                made = _convolution(node, elements[0], constants)
            smooth = self._smooth(node, numbers[0], constants, quantized.scales[node.inputs[0]])
            if constants.unit is not None:
                return made, smooth + (made - smooth).detach()
            return _joined(made, smooth, quantized.scales[node.name])
        vector = quantized.vector(node.name).tolist()
        with torch.no_grad():
            made = _plain(node, elements, vector)
        smooth = _in_numbers(node, numbers)
        return _joined(made, smooth, quantized.scales[node.name])

    def _smooth(
        self, conv: Conv2d, data: Tensor, constants: ConvolutionConstants, source: Scale
    ) -> Tensor:
        """The convolution in numbers, of weights that are what their elements stand for."""
        weight, bias = (self.parts[_key(f"{conv.name}.{part}")] for part in ("weight", "bias"))
        largest = weight.detach().abs().flatten(1).amax(1)
        unit = torch.maximum(largest / 127, bias.detach().abs() / source.scale / 2**24)
        rounded = torch.from_numpy(constants.weight).to(weight.dtype) * unit[:, None, None, None]
        weight = weight + (rounded - weight).detach()
        top, left, bottom, right = conv.padding
        padded = functional.pad(data, (left, right, top, bottom))
        sums = functional.conv2d(padded, weight, bias, conv.stride, 0, conv.dilation, conv.groups)
        return activate(conv.activation, sums)


def unfolded(
    graph: Graph, values: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Folded weights under the names of a graph with batch normalization, which does nothing then.

    gamma 1, mean 0 and variance 1 - eps: folding gives the weights back, to a rounding of 1 ulp.
    """
    weights: dict[str, npt.NDArray[np.float32]] = {}
    for conv in graph.convolutions:
        weights[f"{conv.name}.weight"] = values[f"{conv.name}.weight"].astype(np.float32)
        bias = values[f"{conv.name}.bias"].astype(np.float32)
        if not conv.batch_norm:
            weights[f"{conv.name}.bias"] = bias
            continue
        ones = np.ones_like(bias)
        weights[f"{conv.name}.bn.weight"] = ones
        weights[f"{conv.name}.bn.bias"] = bias
        weights[f"{conv.name}.bn.running_mean"] = 0 * ones
        weights[f"{conv.name}.bn.running_var"] = np.float32(1 - graph.bn_eps) * ones
    return weights


def _entered(images: Tensor, scale: Scale) -> Pair:
    with torch.no_grad():
        elements = arithmetic.quantize(images, float(scale.inverse), scale.zero_point)
    return _joined(elements, images, scale)


def _joined(elements: Tensor, smooth: Tensor, scale: Scale) -> Pair:
    """The value of the elements with the gradient of what is smooth, inside of their range."""
    low, high = ((end - scale.zero_point) * scale.scale for end in arithmetic.INT8)
    clipped = smooth.clamp(low, high)
    value = (elements - scale.zero_point).to(smooth.dtype) * np.float32(scale.scale)
    return elements, clipped + (value - clipped).detach()


def _convolution(conv: Conv2d, data: Tensor, constants: ConvolutionConstants) -> Tensor:
    count = int(np.prod(constants.weight.shape[1:]))
    exact = torch.float32 if count <= EXACT_COUNT else torch.float64
    top, left, bottom, right = conv.padding
    padded = functional.pad(data.to(exact), (left, right, top, bottom), value=float(constants.pad))
    weight = torch.from_numpy(constants.weight).to(exact)
    products = functional.conv2d(padded, weight, None, conv.stride, 0, conv.dilation, conv.groups)
    sums = products.round().to(torch.int32) + arithmetic.by_channel(constants.bias)
    if constants.unit is not None:
        return sums.to(torch.float32) * torch.from_numpy(constants.unit)[None, :, None, None]
    shift = arithmetic.by_channel(constants.shift)
    multiplier = arithmetic.by_channel(constants.multiplier)
    requantize = REQUANTIZE.get(conv.activation, arithmetic.requantize)
    made = requantize(sums, shift, multiplier, constants.last.tolist())
    if constants.table is None:
        return made
    return torch.from_numpy(constants.table).to(torch.int32)[(made + 128).long()]


def _plain(node: Node, elements: list[Tensor], constants: list[int]) -> Tensor:
    match node:
        case GlobalPool():
            return arithmetic.mean(elements[0], constants)
        case Gate():
            return arithmetic.gate(elements[0], elements[1], constants)
    return arithmetic.add(elements[0], elements[1], constants)


def _in_numbers(node: Node, numbers: list[Tensor]) -> Tensor:
    match node:
        case GlobalPool():
            return numbers[0].mean((2, 3), keepdim=True)
        case Gate():
            return numbers[0] * numbers[1]
    return numbers[0] + numbers[1]


def _check(graph: Graph) -> None:
    for node in graph.nodes:
        fits = isinstance(node, KINDS)
        if isinstance(node, Conv2d):
            fits = node.activation in ACTIVATIONS
        if not fits:
            raise InputError(
                "cannot be trained with integer rounding",
                place=f"{graph.name}: {node.name}",
                found=type(node).__name__,
                expected="a classifier with ReLU, ReLU6, h-swish and the hard sigmoid",
            )


def _key(name: str) -> str:
    """A ParameterDict's keys have no dots."""
    return name.replace(".", "/")


def folded_graph(graph: Graph) -> Graph:
    """The graph of `IntegerModule`: every convolution with a bias."""
    nodes = (
        replace(node, batch_norm=False) if isinstance(node, Conv2d) else node
        for node in graph.nodes
    )
    return replace(graph, nodes=tuple(nodes))

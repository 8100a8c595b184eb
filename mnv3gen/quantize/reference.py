"""The int8 reference executor: a `Quantized` in NumPy, made of `arithmetic.py`.

Sums of products are taken by float matrix products, whose every intermediate is a whole number that
the type represents: exact in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph import reference as floating
from mnv3gen.graph.graph import Add, AveragePool, Concat, Conv2d, Gate, GlobalPool, Node, Resize
from mnv3gen.quantize import arithmetic
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized, sums_name

Array: TypeAlias = npt.NDArray[Any]

LARGEST_PRODUCT = 128 * 127
NO_PADDING = (0, 0, 0, 0)


def run(quantized: Quantized, data: Array) -> dict[str, npt.NDArray[np.float32]]:
    """The outputs by name, float32 (h, w, c), for a float input of shape (h, w, c)."""
    tensors = run_all(quantized, data)
    return {name: as_float(quantized, name, tensors[name]) for name in quantized.graph.outputs}


def run_all(quantized: Quantized, data: Array) -> dict[str, Array]:
    """Every tensor by name, the input's included, and those before a table.

    They are int8, but float32 where a float node makes them, or a convolution for an output.
    """
    graph = quantized.graph
    if data.shape != graph.input_shape:
        raise ValueError(f"input has shape {data.shape}, the graph takes {graph.input_shape}")
    tensors: dict[str, Array] = {graph.input: data.astype(np.float32)}
    for node in graph.nodes:
        tensors |= made_tensors(quantized, node, tensors)
    return tensors | {graph.input: elements_of(quantized, graph.input, tensors[graph.input])}


def made_tensors(
    quantized: Quantized, node: Node, tensors: Mapping[str, Array]
) -> dict[str, Array]:
    """What a node makes of tensors as others made them, int8 or float32, be it itself either."""
    if node.name not in quantized.float_nodes:
        elements = [elements_of(quantized, name, tensors[name]) for name in node.inputs]
        return integer_tensors(quantized, node, elements)
    floats: list[Array] = [as_float(quantized, name, tensors[name]) for name in node.inputs]
    made = floating.compute(node, floats, quantized.weights, quantized.graph.bn_eps)
    return {node.name: made.astype(np.float32)}


def elements_of(quantized: Quantized, tensor: str, values: Array) -> npt.NDArray[np.int8]:
    """A tensor's elements, be they made already or not."""
    return values if values.dtype == np.int8 else as_int8(quantized, tensor, values)


def as_float(quantized: Quantized, tensor: str, values: Array) -> npt.NDArray[np.float32]:
    """What a tensor of `run_all` stands for."""
    if values.dtype != np.int8:
        return values
    scale = quantized.scales[tensor]
    zero_point = np.asarray(scale.zero_point, np.int32)
    return arithmetic.dequantize(values, np.asarray(scale.scale, np.float32), zero_point)


def integer_tensors(quantized: Quantized, node: Node, inputs: Sequence[Array]) -> dict[str, Array]:
    """What a node makes of int8 tensors, and what is before its table: int8, but for outputs."""
    match node:
        case Conv2d():
            return _convolution(quantized, node, inputs[0])
        case GlobalPool():
            made = arithmetic.mean(inputs[0], quantized.vector(node.name))
        case AveragePool():
            constants = quantized.vector(node.name)
            made = arithmetic.average(inputs[0], constants, node.window, node.strides)
        case Gate():
            made = arithmetic.gate(inputs[0], inputs[1], quantized.vector(node.name))
        case Add():
            made = arithmetic.add(inputs[0], inputs[1], quantized.vector(node.name))
        case Concat():
            made = np.concatenate(inputs, axis=-1)
        case Resize():
            made = arithmetic.resize(inputs[0], node.shape[:2], node.coordinates)
        case _:
            raise NotImplementedError(f"no integer form of {type(node).__name__}")
    return {node.name: made}


def _convolution(quantized: Quantized, conv: Conv2d, data: Array) -> dict[str, Array]:
    constants = quantized.convolution(conv.name)
    sums = integer_sums(conv, data, constants)
    if constants.unit is not None:
        return {conv.name: arithmetic.dequantize_sums(sums, constants.unit)}
    match conv.activation:
        case "hswish" | "naive_hswish":
            requantize = arithmetic.requantize_hswish
        case "hard_sigmoid":
            requantize = arithmetic.requantize_hard_sigmoid
        case _:
            requantize = arithmetic.requantize
    made = requantize(sums, constants.shift, constants.multiplier, constants.last)
    if constants.table is None:
        return {conv.name: made}
    return {
        sums_name(conv.name): made,
        conv.name: arithmetic.lookup(made, constants.table),
    }


def integer_sums(
    conv: Conv2d, data: Array, constants: ConvolutionConstants
) -> npt.NDArray[np.int32]:
    """The sums of a convolution of int8 elements (h, w, c), the bias included."""
    weight = constants.weight
    count = int(np.prod(weight.shape[1:]))
    exact = np.float32 if count * LARGEST_PRODUCT <= 1 << 24 else np.float64
    top, left, bottom, right = conv.padding
    around = ((top, bottom), (left, right), (0, 0))
    padded = np.pad(data, around, constant_values=constants.pad)
    bare = replace(conv, padding=NO_PADDING)
    sums = floating.convolve(bare, padded.astype(exact), weight.astype(exact))
    return sums.astype(np.int32) + constants.bias


def as_int8(quantized: Quantized, tensor: str, values: Array) -> npt.NDArray[np.int8]:
    """The elements of a float tensor of that name."""
    scale = quantized.scales[tensor]
    inverse = np.asarray(scale.inverse)
    return arithmetic.quantize(values, inverse, np.asarray(scale.zero_point, np.int32))

"""Operators with weights: convolutions and fully connected layers."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.onnx_import.draft import padded_square
from mnv3gen.onnx_import.reading import Reading
from mnv3gen.onnx_import.windows import dilation_of, padding_of, pair_of, sides_of
from mnv3gen.tables.values import MAX_CHANNELS
from mnv3gen.weights_import.onnx_file import attributes_of

Array: TypeAlias = npt.NDArray[Any]


def convolution(reading: Reading, node: Any) -> None:
    """Dense or depthwise; a kernel that is no square gets rows or columns of zeros."""
    tensor = reading.map(node, keep_padding=True)
    values, weight = attributes_of(node), _weight(reading, node, 1, 4)
    channels, groups = tensor.shape[2], values.get("group", 1)
    if groups not in (1, channels) or (groups > 1 and len(weight) != groups):
        raise reading.refusal(f"has {groups} groups", node, "one group, or one a channel")
    if weight.shape[1] * groups != channels:
        raise reading.refusal("has weights for another number of channels", node)
    dilation = dilation_of(reading, node, weight.shape[2:])
    window = [(side - 1) * dilation + 1 for side in weight.shape[2:]]
    strides = pair_of(values.get("strides", (1, 1)))
    padding = padding_of(reading, node, tensor.shape, window, strides)
    padding = tuple(a + b for a, b in zip(padding, tensor.padding, strict=True))  # type: ignore[assignment]
    sides = sides_of(reading, node, tensor.shape, window, strides, padding)
    square, padding = padded_square(weight, padding, dilation)
    down, along = strides
    base = reading.draft.convolution(
        tensor.base,
        square,
        _bias(reading, node, 2, len(weight)),
        (*sides, len(weight)),
        stride=down,
        along=0 if along == down else along,
        dilation=dilation,
        groups=groups,
        padding=padding,
    )
    reading.define(node, base)


def gemm(reading: Reading, node: Any) -> None:
    """Alpha * x W + beta * b."""
    values = attributes_of(node)
    weight = _weight(reading, node, 1, 2)
    weight = (weight if values.get("transB", 0) else weight.T) * values.get("alpha", 1.0)
    bias = _bias(reading, node, 2, len(weight)) * values.get("beta", 1.0)
    if values.get("transA", 0):
        raise reading.refusal("transposes the data", node)
    _connected(reading, node, weight, bias)


def matmul(reading: Reading, node: Any) -> None:
    """The product with a matrix."""
    weight = _weight(reading, node, 1, 2).T
    _connected(reading, node, weight, np.zeros(len(weight)))


def _connected(reading: Reading, node: Any, weight: Array, bias: Array) -> None:
    """A fully connected layer over all elements of a tensor: a convolution as large as its map."""
    tensor = reading.made(node)
    height, width, channels = tensor.shape
    flat = tensor.dims == (1, height * width * channels)
    if not flat and not (tensor.single and tensor.channel_axis == len(tensor.dims) - 1):
        raise reading.refusal("multiplies other axes than all of the data", node)
    if weight.shape[1] != height * width * channels:
        raise reading.refusal("has weights for another number of values", node)
    order = (0, 1, 2, 3) if tensor.memory == "chw" else (0, 3, 1, 2)
    sides = (channels, height, width) if tensor.memory == "chw" else (height, width, channels)
    kernel, padding = padded_square(weight.reshape(-1, *sides).transpose(order), (0, 0, 0, 0), 1)
    base = reading.draft.convolution(
        tensor.base, kernel, bias, (1, 1, len(weight)), padding=padding
    )
    reading.define(node, base, (*tensor.dims[:-1], len(weight)))


def _weight(reading: Reading, node: Any, index: int, rank: int) -> npt.NDArray[np.float64]:
    constant = reading.constant(node, index)
    if constant is None or constant.dtype.kind != "f":
        raise reading.refusal("has weights that are no constant floats", node)
    if constant.ndim != rank or 0 in constant.shape:
        raise reading.refusal("has weights of another rank", node, f"{rank} axes")
    if len(constant) > MAX_CHANNELS * 16:
        raise reading.refusal("has too many channels", node)
    if not np.isfinite(constant).all():
        raise reading.refusal("has weights that are not finite", node)
    return constant.astype(np.float64)


def _bias(reading: Reading, node: Any, index: int, size: int) -> npt.NDArray[np.float64]:
    if len(node.input) <= index or not node.input[index]:
        return np.zeros(size)
    constant = reading.constant(node, index)
    if constant is None or constant.dtype.kind != "f" or constant.size not in (1, size):
        raise reading.refusal("has a bias that is not one constant a channel", node)
    if not np.isfinite(constant).all():
        raise reading.refusal("has a bias that is not finite", node)
    return np.broadcast_to(constant.astype(np.float64).reshape(-1), (size,))

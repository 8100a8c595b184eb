"""What a group of kernels computes, in float64 and by plain loops; it shares no code with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.group import Group

Array = npt.NDArray[np.float64]


def reference(
    group: Group, inputs: Sequence[npt.NDArray[np.float32]], weights: Sequence[Sequence[Array]]
) -> list[Array]:
    """The tensors that the group writes, for inputs (h, w, c) and each kernel's weight and bias."""
    tensors: list[Array] = []
    for kernel, reads, own in zip(group.kernels, group.reads, weights, strict=True):
        read = [
            tensors[number] if number >= 0 else inputs[-1 - number].astype(np.float64)
            for number in reads
        ]
        tensors.append(_computed(kernel, read, own))
        assert tensors[-1].shape == kernel.output, kernel
    return [tensors[index] for index in group.writes]


def _computed(kernel: Kernel, read: list[Array], weights: Sequence[Array]) -> Array:
    match kernel.kind:
        case "conv" | "dwconv":
            return _convolution(kernel, read, *weights)
        case "pool":
            return read[0].mean(axis=(0, 1), keepdims=True)
        case "average":
            return _average(kernel, read[0])
        case "gate":
            return read[0] * read[1]
        case "add":
            return read[0] + read[1]
        case "concat":
            return np.concatenate(read, axis=-1)
        case "resize":
            return _resized(kernel, read[0])
    raise NotImplementedError(kernel.kind)


def _convolution(kernel: Kernel, read: list[Array], weight: Array, bias: Array) -> Array:
    """One output pixel at a time; taps outside of the image read nothing."""
    height, width, _ = kernel.input
    top, left = kernel.padding[:2]
    sums = np.tile(bias.reshape(1, 1, -1), (*kernel.output[:2], 1)).astype(np.float64)
    for row, column in np.ndindex(*kernel.output[:2]):
        for down, right in np.ndindex(kernel.window, kernel.window):
            y = row * kernel.stride - top + down * kernel.dilation
            x = column * kernel.stride - left + right * kernel.dilation
            if 0 <= y < height and 0 <= x < width:
                tap, data = weight[down, right], read[0][y, x]
                sums[row, column] += data * tap[:, 0] if kernel.kind == "dwconv" else data @ tap
    for name in kernel.epilogue:
        sums = sums + read[1] if name == "add" else _activated(name, sums)
    return sums


def _activated(name: str, value: Array) -> Array:
    """Section 5.2 of the paper: h-swish is x * ReLU6(x + 3) / 6."""
    match name:
        case "relu":
            return np.maximum(value, 0)
        case "relu6":
            return np.clip(value, 0, 6)
        case "hswish":
            return value * np.clip(value + 3, 0, 6) / 6
        case "hard_sigmoid":
            return np.clip(value + 3, 0, 6) / 6
        case "sigmoid":
            return 1 / (1 + np.exp(-value))
    assert name == "bias", name  # which the sums started with
    return value


def _average(kernel: Kernel, data: Array) -> Array:
    (height, width), (down, right) = (
        map(int, pair.split("x")) for pair in kernel.detail.split("by")
    )
    result = np.empty(kernel.output)
    for row, column in np.ndindex(*kernel.output[:2]):
        window = data[row * down :, column * right :][:height, :width]
        assert window.shape[:2] == (height, width)
        result[row, column] = window.mean(axis=(0, 1))
    return result


def _resized(kernel: Kernel, data: Array) -> Array:
    """Between the four pixels around each position; see `mnv3gen.graph.graph.Resize`."""
    result = np.empty(kernel.output)
    for row, column in np.ndindex(*kernel.output[:2]):
        y = _position(row, kernel.input[0], kernel.output[0], kernel.detail)
        x = _position(column, kernel.input[1], kernel.output[1], kernel.detail)
        result[row, column] = sum(
            data[i, j] * max(0.0, 1 - abs(y - i)) * max(0.0, 1 - abs(x - j))
            for i, j in np.ndindex(*kernel.input[:2])
        )
    return result


def _position(index: int, size: int, wanted: int, mode: str) -> float:
    if mode == "align_corners":
        return index * (size - 1) / (wanted - 1) if wanted > 1 else 0.0
    assert mode == "half_pixel"
    return min(max((index + 0.5) * size / wanted - 0.5, 0.0), size - 1.0)

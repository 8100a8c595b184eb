"""What a group of kernels computes, to check candidates by: in float64, or in integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.detail import coordinates_of, window_of
from mnv3gen.generate.group import Group
from mnv3gen.graph.reference import interpolation
from mnv3gen.tune.integers import computed_integers

Array = npt.NDArray[np.float64]


def computed(
    group: Group, inputs: Sequence[npt.NDArray[Any]], weights: Sequence[Sequence[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """The tensors that a group writes; inputs are (h, w, c), weights as `Call.constants`."""
    tensors: list[npt.NDArray[Any]] = []
    for kernel, reads, own in zip(group.kernels, group.reads, weights, strict=True):
        read = [tensors[number] if number >= 0 else inputs[-1 - number] for number in reads]
        tensors.append(
            computed_integers(kernel, read, own)
            if kernel.dtype == "int8"
            else _one(kernel, [tensor.astype(np.float64) for tensor in read], own)
        )
    return [tensors[index] for index in group.writes]


def _one(kernel: Kernel, read: list[Array], weights: Sequence[Array]) -> Array:
    match kernel.kind:
        case "conv" | "dwconv":
            value = _activated(_convolved(kernel, read[0], *weights), kernel.epilogue)
            return value + read[1] if "add" in kernel.epilogue else value
        case "pool":
            return read[0].mean(axis=(0, 1), keepdims=True)
        case "average":
            return _averaged(kernel, read[0])
        case "gate":
            return read[0] * read[1]
        case "add":
            return read[0] + read[1]
        case "concat":
            return np.concatenate(read, axis=-1)
        case "resize":
            rows, columns = (
                interpolation(read[0].shape[axis], kernel.output[axis], coordinates_of(kernel))
                for axis in (0, 1)
            )
            return np.asarray(np.einsum("ah,bw,hwc->abc", rows, columns, read[0], optimize=True))
    raise NotImplementedError(f"no reference of a {kernel.kind} kernel")


def _averaged(kernel: Kernel, data: Array) -> Array:
    window, strides = window_of(kernel)
    windows = np.lib.stride_tricks.sliding_window_view(data, window, (0, 1))
    return np.asarray(windows[:: strides[0], :: strides[1]].mean(axis=(-2, -1)))


def _convolved(kernel: Kernel, data: Array, weight: Array, bias: Array) -> Array:
    top, left, bottom, right = kernel.padding
    height, width, _ = kernel.output
    padded = np.pad(data, ((top, bottom), (left, right), (0, 0)))
    sums = np.tile(bias.reshape(1, 1, -1).astype(np.float64), (height, width, 1))
    for row, column in np.ndindex(kernel.window, kernel.window):
        y, x = row * kernel.dilation, column * kernel.dilation
        rows = slice(y, y + (height - 1) * kernel.stride + 1, kernel.stride)
        columns = slice(x, x + (width - 1) * kernel.stride + 1, kernel.stride)
        tap = weight[row, column]
        seen = padded[rows, columns]
        sums += seen * tap[:, 0] if kernel.kind == "dwconv" else seen @ tap
    return sums


def _activated(value: Array, epilogue: tuple[str, ...]) -> Array:
    for name in epilogue:
        match name:
            case "relu":
                value = np.maximum(value, 0)
            case "relu6":
                value = np.clip(value, 0, 6)
            case "hswish":
                value = value * np.clip(value + 3, 0, 6) / 6
            case "hard_sigmoid":
                value = np.clip(value + 3, 0, 6) / 6
            case "sigmoid":
                value = 1 / (1 + np.exp(-value))
    return value

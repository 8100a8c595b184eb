"""Random constants of int8 kernels, and what a right kernel makes of them, by arithmetic.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import LEAVES, LEFT, Kernel
from mnv3gen.generate.detail import coordinates_of, window_of
from mnv3gen.quantize import arithmetic

Array: TypeAlias = npt.NDArray[Any]

ELEMENT = 74.0  # standard deviation of an int8 element, all being equally likely
SPREAD = 40 * 32  # that of results, in 32nds of an element
LARGEST = 127  # of a weight


def random_constants(kernel: Kernel, random: np.random.Generator) -> list[Array]:
    """What `Call.constants` has of a kernel; results are spread over the elements."""
    zero = int(random.integers(-20, 20))
    match kernel.kind:
        case "conv" | "dwconv":
            return _convolution(kernel, zero, random)
        case "pool" | "average":
            count = np.prod(kernel.input[:2] if kernel.kind == "pool" else window_of(kernel)[0])
            shift, _ = _shift(ELEMENT * float(count) ** 0.5, SPREAD)
            return [np.array([1, 1 << shift >> 1, shift, 24000, zero], np.int32)]
        case "gate":
            return [np.array([3, -128, 9000, zero], np.int16)]
        case "add":
            return [_addition(zero)]
        case "lookup":
            return [random.integers(-128, 128, 256).astype(np.int8)]
        case "quantize":
            return [np.float32(30), np.int32(zero)]
        case "dequantize":
            return [np.float32(0.03), np.int32(zero)]
    return []


def computed_integers(kernel: Kernel, read: Sequence[Array], constants: Sequence[Array]) -> Array:
    """The tensor that a kernel makes of others (h, w, c)."""
    match kernel.kind:
        case "conv" | "dwconv":
            return _convolved(kernel, read, list(constants))
        case "pool":
            return arithmetic.mean(read[0], constants[0])
        case "average":
            return arithmetic.average(read[0], constants[0], *window_of(kernel))
        case "gate":
            return arithmetic.gate(read[0], read[1], constants[0])
        case "add":
            return arithmetic.add(read[0], read[1], constants[0])
        case "concat":
            return np.concatenate(read, axis=-1)
        case "resize":
            height, width, _ = kernel.output
            return arithmetic.resize(read[0], (height, width), coordinates_of(kernel))
        case "lookup":
            return arithmetic.lookup(read[0], constants[0])
        case "quantize":
            return arithmetic.quantize(read[0], *constants)
        case "dequantize":
            return arithmetic.dequantize(read[0], *constants)
    raise NotImplementedError(f"no integer reference of a {kernel.kind} kernel")


def _convolution(kernel: Kernel, zero: int, random: np.random.Generator) -> list[Array]:
    slides, channels = kernel.kind == "dwconv", kernel.output[-1]
    inner = (channels, 1) if slides else (kernel.input[-1], channels)
    weight = random.integers(-LARGEST, LARGEST + 1, (kernel.window, kernel.window, *inner))
    count = kernel.window**2 * (1 if slides else kernel.input[-1])
    curved = any(name in kernel.epilogue for name in ("hswish", "hard_sigmoid"))
    shift, _ = _shift(ELEMENT**2 * count**0.5, 10000 if curved else SPREAD)
    shifts = np.maximum(random.integers(shift - 1, shift + 2, channels), 0)
    if LEFT in kernel.epilogue:
        lefts = random.integers(0, 16, channels) * (random.random(channels) < 0.5)
        shifts = np.where(lefts > 0, -lefts, shifts)
        deviation = SPREAD / 2.0**lefts / (ELEMENT * count**0.5)  # of weights, below 1 mostly
        small = np.rint(random.normal(size=weight.shape) * _channelwise(deviation, slides))
        weight = np.where(_channelwise(lefts, slides) > 0, small.clip(-LARGEST, LARGEST), weight)
    if LEAVES in kernel.epilogue:
        bias = random.integers(-10000, 10000, channels)
        return [
            *([np.int8(zero)] if any(kernel.padding) else []),
            weight.astype(np.int8),
            bias.astype(np.int32).reshape(1, 1, 1, -1),
            random.uniform(1e-6, 1e-4, channels).astype(np.float32),
        ]
    bias = random.integers(-500, 500, channels) + ((np.int64(1) << np.maximum(shifts, 0)) >> 1)
    last = [2, int(random.integers(8000, 30000)), zero] if curved else [zero]
    return [
        *([np.int8(zero)] if any(kernel.padding) else []),
        weight.astype(np.int8),
        bias.astype(np.int32).reshape(1, 1, 1, -1),
        shifts.astype(np.int32),
        random.integers(arithmetic.HALF, arithmetic.ONE, channels).astype(np.int16),
        np.array(last, np.int16),
        *([_addition(zero)] if "add" in kernel.epilogue else []),
    ]


def _channelwise(values: Array, slides: bool) -> Array:
    """A value a channel, in the shape that weights of a depthwise or a dense window have."""
    return values[:, np.newaxis] if slides else values


def _addition(zero: int) -> Array:
    return np.array([4, 8000, -9, 7000, zero], np.int16)


def _shift(deviation: float, wanted: float) -> tuple[int, float]:
    """The shift that makes one deviation about the other, and what is left."""
    shift = max(0, round(np.log2(deviation / wanted)))
    return shift, deviation / 2**shift


def _convolved(kernel: Kernel, read: Sequence[Array], constants: list[Array]) -> Array:
    pad = constants.pop(0) if any(kernel.padding) else np.int8(0)
    if LEAVES in kernel.epilogue:
        weight, bias, unit = constants
        sums = _sums(kernel, read[0], weight, pad) + bias.reshape(1, 1, -1)
        return arithmetic.dequantize_sums(sums, unit)
    weight, bias, shift, multiplier, last, *residual = constants
    sums = _sums(kernel, read[0], weight, pad) + bias.reshape(1, 1, -1)
    requantize = {
        "hswish": arithmetic.requantize_hswish,
        "hard_sigmoid": arithmetic.requantize_hard_sigmoid,
    }
    name = next((name for name in kernel.epilogue if name in requantize), "")
    made = requantize.get(name, arithmetic.requantize)(sums, shift, multiplier, last)
    return arithmetic.add(made, read[1], residual[0]) if residual else made


def _sums(kernel: Kernel, data: Array, weight: Array, pad: Array) -> Array:
    """The int32 sums of products; float64 holds all of them exactly."""
    top, left, bottom, right = kernel.padding
    height, width, channels = kernel.output
    sides = ((top, bottom), (left, right), (0, 0))
    padded = np.pad(data, sides, constant_values=int(pad)).astype(np.float64)
    sums = np.zeros((height, width, channels))
    for row, column in np.ndindex(kernel.window, kernel.window):
        y, x = row * kernel.dilation, column * kernel.dilation
        rows = slice(y, y + (height - 1) * kernel.stride + 1, kernel.stride)
        columns = slice(x, x + (width - 1) * kernel.stride + 1, kernel.stride)
        tap = weight[row, column].astype(np.float64)
        seen = padded[rows, columns]
        sums += seen * tap[:, 0] if kernel.kind == "dwconv" else seen @ tap
    return sums.astype(np.int32)

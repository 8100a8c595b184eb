"""The integer operators to the bit, in NumPy: what every compiled int8 kernel has to compute.

A tensor is int8 with a scale and a zero point: its value is scale * (element - zero_point). Sums
are int32; between sums and elements everything is int16, with the same two steps on every core:

- `high_product` is the upper half of a product, rounded: `vpmulhrsw` on x86, `sqrdmulh` on ARM.
- `narrowed` takes 32nds of an element to an element.

docs/quantization.md derives the constants.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Coordinates
from mnv3gen.graph.reference import interpolation

Array: TypeAlias = npt.NDArray[Any]

FRACTION = 5  # bits below an element's unit that `narrowed` rounds away
ONE = 1 << 15  # the unit of what `high_product` multiplies by
HALF = ONE // 2
INTERPOLATION = 7  # bits of a weight of bilinear interpolation


def high_product(first: Array, second: Array) -> Array:
    """(first * second + 2^14) >> 15 of int16 values, as int16; one of them is not -32768."""
    product = (first.astype(np.int32) * second.astype(np.int32) + HALF) >> 15
    return product.astype(np.int16)


def scaled(sums: Array, shift: Array, multiplier: Array) -> Array:
    """int32 sums, shifted right (rounding down), saturated to int16, times multiplier / 2^15.

    A shift below 0 goes left, without a limit of bits before the saturation.
    """
    return high_product(_saturated(_shifted(sums, shift), np.int16), multiplier)


def _shifted(sums: Array, shift: Array) -> Array:
    right = sums.astype(np.int32) >> np.maximum(shift, 0).astype(np.int32)
    if np.all(np.asarray(shift) >= 0):
        return right
    return right.astype(np.int64) << np.maximum(-np.asarray(shift, np.int64), 0)


def narrowed(values: Array, zero_point: Array) -> Array:
    """int16 values in 32nds of an element to int8 elements, half up, saturated."""
    offset = (np.int32(zero_point) << FRACTION) + (1 << FRACTION >> 1)
    moved = _saturated(values.astype(np.int32) + offset, np.int16)
    return _saturated(moved >> FRACTION, np.int8)


def dequantize_sums(sums: Array, unit: Array) -> npt.NDArray[np.float32]:
    """int32 (h, w, c) to the float32 numbers that they stand for; `unit` has one value a channel.

    A sum becomes the nearest float32, half to even, and is multiplied once.
    """
    return sums.astype(np.float32) * unit.astype(np.float32)


def requantize(sums: Array, shift: Array, multiplier: Array, last: Array) -> Array:
    """int32 (h, w, c) to int8; `last` is (zero point,). ReLU and ReLU6 are what int8 cannot hold.

    `shift` (-15 to 31) and `multiplier` (2^14 to 2^15 - 1, or 0) have one value a channel. The sums
    contain the bias and, for shift s > 0, 2^(s - 1) for rounding.
    """
    (zero_point,) = last
    return narrowed(scaled(sums, shift, multiplier), zero_point)


def requantize_hswish(sums: Array, shift: Array, multiplier: Array, last: Array) -> Array:
    """`requantize` of h-swish; `last` is (power, factor, zero point).

    The scaled sums are x in units of 6 * power / 2^15, power being 1, 2, 4, ...
    """
    power, factor, zero_point = last
    values = scaled(sums, shift, multiplier)
    products = high_product(values, _hard_sigmoid(values, power))
    return narrowed(high_product(products, factor), zero_point)


def requantize_hard_sigmoid(sums: Array, shift: Array, multiplier: Array, last: Array) -> Array:
    """`requantize` of the hard sigmoid; `last` is (power, factor, zero point) as for h-swish."""
    power, factor, zero_point = last
    values = _hard_sigmoid(scaled(sums, shift, multiplier), power)
    return narrowed(high_product(values, factor), zero_point)


def mean(data: Array, constants: Array) -> Array:
    """int8 (h, w, c) to (1, 1, c); `constants` are (factor, offset, shift, multiplier, zero point).

    The sums of each channel, times the factor, plus the offset, are requantized.
    """
    factor, offset, shift, multiplier, zero_point = constants.astype(np.int32)
    sums = data.sum(axis=(0, 1), keepdims=True, dtype=np.int32) * factor + offset
    return narrowed(scaled(sums, shift, multiplier), zero_point)


def average(
    data: Array, constants: Array, window: tuple[int, int], strides: tuple[int, int]
) -> Array:
    """`mean` of every window that lies whole inside of the map."""
    height, width = (
        (size - side) // step + 1
        for size, side, step in zip(data.shape, window, strides, strict=False)
    )
    means = [
        mean(data[y * strides[0] :, x * strides[1] :][: window[0], : window[1]], constants)
        for y in range(height)
        for x in range(width)
    ]
    return np.concatenate(means, axis=1).reshape(height, width, data.shape[2])


def gate(data: Array, factors: Array, constants: Array) -> Array:
    """int8 (h, w, c) times (1, 1, c) or (h, w, c).

    `constants` are (zero point of data, zero point of factors, factor, zero point).
    """
    first, second, factor, zero_point = constants
    products = high_product(_centered(data, first), _centered(factors, second))
    return narrowed(high_product(products, factor), zero_point)


def add(first: Array, second: Array, constants: Array) -> Array:
    """The sum of two int8 tensors of one shape.

    `constants` are (zero point, factor) of the first, of the second, and the zero point of the sum.
    """
    first_zero, first_factor, second_zero, second_factor, zero_point = constants
    terms = (
        high_product(_centered(first, first_zero), first_factor),
        high_product(_centered(second, second_zero), second_factor),
    )
    total = _saturated(terms[0].astype(np.int32) + terms[1], np.int16)
    return narrowed(total, zero_point)


def resize(data: Array, size: tuple[int, int], coordinates: Coordinates) -> Array:
    """Bilinear interpolation with weights of 7 bits; scale and zero point stay as they are."""
    rows, columns = (
        interpolation_weights(data.shape[axis], size[axis], coordinates) for axis in (0, 1)
    )
    sums = np.einsum("ah,hwc->awc", rows, data.astype(np.int32))
    sums = np.einsum("bw,awc->abc", columns, sums)
    rounding = 1 << (2 * INTERPOLATION - 1)
    return ((sums + rounding) >> (2 * INTERPOLATION)).astype(np.int8)


def interpolation_weights(size: int, wanted: int, coordinates: Coordinates) -> Array:
    """The matrix (wanted, size) of int32 weights; each row has at most two and sums to 128."""
    exact = interpolation(size, wanted, coordinates)
    low = np.argmax(exact > 0, axis=1)
    index = np.arange(wanted)
    first = np.floor(exact[index, low] * (1 << INTERPOLATION) + 0.5).astype(np.int32)
    weights = np.zeros((wanted, size), np.int32)
    weights[index, np.minimum(low + 1, size - 1)] = (1 << INTERPOLATION) - first
    weights[index, low] += first
    return weights


def lookup(data: Array, table: Array) -> Array:
    """The table's (256,) element for each int8 one; the first is for -128."""
    return table[data.astype(np.int32) + 128]


def quantize(data: Array, inverse_scale: Array, zero_point: Array) -> Array:
    """float32 to int8: the float32 product, rounded half to even, plus the zero point, saturated.

    What is no number becomes the zero point.
    """
    with np.errstate(over="ignore"):
        product = np.float32(inverse_scale) * data.astype(np.float32)
    rounded = np.rint(np.nan_to_num(np.clip(product, -1024, 1024))).astype(np.int32)
    return _saturated(rounded + np.int32(zero_point), np.int8)


def dequantize(data: Array, scale: Array, zero_point: Array) -> Array:
    """int8 to float32."""
    difference = data.astype(np.int32) - np.int32(zero_point)
    return difference.astype(np.float32) * np.float32(scale)


def _hard_sigmoid(values: Array, power: Array) -> Array:
    """clip(x/6 + 1/2, 0, 1) in units of 2^-15, for x in units of 6 * power / 2^15."""
    limit = np.int32(HALF) // np.int32(power)
    inner = np.clip(values.astype(np.int32), -limit, (HALF - 1) // np.int32(power))
    return (inner * np.int32(power) + HALF).astype(np.int16)


def _centered(data: Array, zero_point: Array) -> Array:
    """The distance to the zero point in units of 2^-7."""
    return ((data.astype(np.int32) - np.int32(zero_point)) << 7).astype(np.int16)


def _saturated(values: Array, dtype: Any) -> Array:
    limits = np.iinfo(dtype)
    return np.clip(values, limits.min, limits.max).astype(dtype)

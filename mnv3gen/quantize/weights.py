"""Scales and elements of a convolution's weights, and factors as shift and multiplier."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.quantize.arithmetic import ONE

Array: TypeAlias = npt.NDArray[Any]

LARGEST = 127  # of an int8 weight; -128 is not used
BIAS_BITS = 24  # a bias may need so many: with the products, sums stay inside of int32
LAST_SHIFT = 31
LEFTMOST = -15  # a shift: of what an int16 holds, int32 then holds it
BELOW_ONE = 1 - 0.5 / ONE  # a factor from here on would be rounded to a multiplier of 2^15


def weight_scales(weight: Array, bias: Array, scale: float) -> Array:
    """The scale of each output channel's weights, float64, for an input of that scale.

    A channel whose bias is huge beside its weights gets a larger one; without both it is 0.
    """
    largest = np.abs(weight.astype(np.float64)).reshape(len(weight), -1).max(axis=1)
    return np.maximum(largest / LARGEST, np.abs(bias.astype(np.float64)) / scale / 2.0**BIAS_BITS)


def weight_elements(weight: Array, scales: Array) -> Array:
    """The int8 weights, OIHW."""
    units = weight.astype(np.float64) / np.where(scales > 0, scales, 1)[:, None, None, None]
    return np.clip(np.rint(units), -LARGEST, LARGEST).astype(np.int8)


def bias_elements(bias: Array, unit: Array) -> Array:
    """The biases in units of the sums, int64."""
    quotient = bias.astype(np.float64) / np.where(unit > 0, unit, 1)
    return np.rint(quotient).astype(np.int64)


def as_shifts(factors: Array, least: int = 0) -> tuple[Array, Array]:
    """Factors from 0 to below 2^-least as (shift, multiplier): multiplier * 2^(-15 - shift).

    No shift is below `least`, 0 or `LEFTMOST`. What would need one above 31 becomes 0.
    """
    fraction, exponent = np.frexp(factors.astype(np.float64))
    multiplier = np.rint(fraction * ONE).astype(np.int64)
    carried = multiplier == ONE
    multiplier, shift = np.where(carried, ONE // 2, multiplier), -exponent - carried
    kept = (factors > 0) & (shift <= LAST_SHIFT)
    multiplier = np.where(kept, np.where(shift < least, ONE - 1, multiplier), 0)
    shift = np.where(kept, np.maximum(shift, least), 0)
    return shift.astype(np.int32), multiplier.astype(np.int16)


def rounding(shift: Array) -> Array:
    """Half of the unit that a shift rounds to; 0 for one to the left, which rounds nothing."""
    return (np.int64(1) << np.maximum(shift, 0).astype(np.int64)) >> 1

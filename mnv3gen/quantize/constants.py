"""The integer constants of a node from the scales around it; docs/quantization.md derives them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.graph.graph import Conv2d
from mnv3gen.graph.reference import activate
from mnv3gen.quantize.arithmetic import ONE
from mnv3gen.quantize.quantized import ConvolutionConstants, Scale
from mnv3gen.quantize.weights import (
    BELOW_ONE,
    LEFTMOST,
    as_shifts,
    bias_elements,
    rounding,
    weight_elements,
    weight_scales,
)

Array: TypeAlias = npt.NDArray[Any]

LARGEST_POWER = 1 << 14
COARSEST = 16  # power of a hard sigmoid, an element being 128 of its smallest units
LARGEST_SUM = 2**31 - 1
HSWISH = ("hswish", "naive_hswish")
INTEGER_FORMS = (*HSWISH, "hard_sigmoid")  # activations that are a step of the requantization


def convolution_constants(
    conv: Conv2d,
    weight: Array,
    bias: Array,
    source: Scale,
    sums: Scale,
    output: Scale,
    largest: float,
    leaves: bool = False,
) -> ConvolutionConstants:
    """What the kernel reads.

    `sums` is the scale of what is requantized, which differs from `output` before a table.
    `largest` is the largest sum that calibration saw; only h-swish needs it. With `leaves` the sums
    become float32. Shifts go left only where else the scale would be too small.
    """
    scales = weight_scales(weight, bias, source.scale)
    unit = scales * source.scale
    elements = weight_elements(weight, scales)
    last = [sums.zero_point]
    if conv.activation in INTEGER_FORMS:
        power = power_of(conv, unit, largest, sums.scale)
        factors = unit * ONE / (6 * power)
        factor = 192 * power if conv.activation in HSWISH else 32
        last = [power, _rounded(factor / sums.scale), sums.zero_point]
    else:
        factors = unit * 32 / sums.scale
    least = 0 if factors.max() < BELOW_ONE else LEFTMOST
    shift, multiplier = as_shifts(np.zeros_like(factors) if leaves else factors, least)
    totals = elements.reshape(len(elements), -1).astype(np.int64)
    whole = bias_elements(bias, unit) - source.zero_point * totals.sum(axis=1) + rounding(shift)
    if (np.abs(whole) + 128 * np.abs(totals).sum(axis=1)).max() > LARGEST_SUM:
        raise _unfit(conv.name, "its sums exceed 32 bits")
    return ConvolutionConstants(
        weight=elements,
        bias=whole.astype(np.int32),
        shift=shift,
        multiplier=multiplier,
        last=np.array(last, np.int16),
        pad=np.int8(source.zero_point),
        table=None if sums is output else table_of(conv, sums, output),
        unit=unit.astype(np.float32) if leaves else None,
    )


def power_of(conv: Conv2d, unit: Array, largest: float, scale: float) -> int:
    """The power of two by which h-swish and the hard sigmoid scale their argument.

    The factors are below 1, and then no shift goes left, if the output's scale is large enough for
    such a power.
    """
    right = _smallest_power(conv, unit, largest, 1.0)
    if right is not None and scale >= least_scale(conv, right) and right <= _coarsest(conv):
        return right
    return least_power(conv, unit, largest)


def least_power(conv: Conv2d, unit: Array, largest: float) -> int:
    """The smallest power that there is, be it with shifts to the left."""
    power = _smallest_power(conv, unit, largest, 2.0**-LEFTMOST)
    if power is None:
        found = f"sums of up to {largest:.3g} in steps of {float(unit.max()):.3g}"
        raise _unfit(conv.name, "its sums are too large", found)
    return power


def least_scale(conv: Conv2d, power: int) -> float:
    """The smallest scale of the output of h-swish or the hard sigmoid with such a power."""
    return (192 * power if conv.activation in HSWISH else 32) / ONE / BELOW_ONE


def _coarsest(conv: Conv2d) -> int:
    return LARGEST_POWER if conv.activation in HSWISH else COARSEST


def _smallest_power(conv: Conv2d, unit: Array, largest: float, bound: float) -> int | None:
    """That with factors below `bound`; None if none has them.

    No channel of h-swish may saturate below the largest x: its int16 is at most 2^15 - 1 times its
    multiplier. A hard sigmoid that saturates is 1 in any case.
    """
    power, factor = 1, float(unit.max()) * ONE / 6
    while power < LARGEST_POWER and factor / power >= bound * (1 - 1 / ONE):
        power *= 2
    if factor / power >= bound:
        return None
    if conv.activation == "hard_sigmoid":
        return power
    _, multiplier = as_shifts(unit * ONE / (6 * power), LEFTMOST)
    used = multiplier[multiplier > 0]
    least = 1.0 if not len(used) else float(used.min()) * (ONE - 1) / ONE**2
    while power < LARGEST_POWER and 6 * power * least < largest:
        power *= 2
    return power


def table_of(conv: Conv2d, sums: Scale, output: Scale) -> Array:
    """The elements (256,) of an activation for each element of its argument."""
    values = (np.arange(-128, 128) - sums.zero_point) * sums.scale
    exact = activate(conv.activation, values) / output.scale + output.zero_point
    return np.clip(np.rint(exact), -128, 127).astype(np.int8)


def mean_constants(source: Scale, output: Scale, count: int) -> Array:
    """For the mean of `count` elements: (factor, offset, shift, multiplier, zero point), int32."""
    exact = 32 * source.scale / (count * output.scale)
    factor = 1
    while exact / factor >= 1 - 1 / ONE:
        factor *= 2
    shift, multiplier = as_shifts(np.array([exact / factor]))
    offset = int(rounding(shift)[0]) - count * source.zero_point * factor
    return np.array(
        [factor, offset, int(shift[0]), int(multiplier[0]), output.zero_point], np.int32
    )


def gate_constants(data: Scale, factors: Scale, output: Scale) -> Array:
    """(zero point of data, zero point of factors, factor, zero point), int16."""
    factor = _rounded(ONE * 64 * data.scale * factors.scale / output.scale)
    return np.array([data.zero_point, factors.zero_point, factor, output.zero_point], np.int16)


def add_constants(first: Scale, second: Scale, output: Scale) -> Array:
    """(zero point, factor) of both, and the zero point of the sum, int16."""
    terms = [
        (term.zero_point, _rounded((ONE >> 2) * term.scale / output.scale))
        for term in (first, second)
    ]
    return np.array([*terms[0], *terms[1], output.zero_point], np.int16)


def _rounded(factor: float) -> int:
    """A factor of `high_product`; the scales were raised until it fits."""
    assert factor < ONE, factor
    return min(round(factor), ONE - 1)


def _unfit(name: str, reason: str, found: str | None = None) -> InputError:
    return InputError(
        f"cannot be computed in int8: {reason}",
        place=name,
        found=found,
        expected="weights and calibration data of ordinary size, or this node in float32",
    )

"""`mnv3gen.quantize.arithmetic` on torch tensors of a batch: the same steps, int32 throughout.

Elements are NCHW, as integers; constants have one value a channel or one in all.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import torch

from mnv3gen.quantize.arithmetic import FRACTION, HALF

Tensor: TypeAlias = torch.Tensor

INT8, INT16 = (-128, 127), (-32768, 32767)


def by_channel(values: Any) -> Tensor:
    """A vector of constants in the shape that a batch is multiplied by."""
    return torch.as_tensor(values).to(torch.int32)[None, :, None, None]


def high_product(first: Tensor, second: Tensor | int) -> Tensor:
    """(first * second + 2^14) >> 15."""
    return (first * second + HALF) >> 15


def scaled(sums: Tensor, shift: Tensor, multiplier: Tensor) -> Tensor:
    """Sums, shifted right, saturated to int16, times multiplier / 2^15; left below 0."""
    shifted = (sums >> shift.clamp(min=0)).clamp(*INT16)
    return high_product((shifted << (-shift).clamp(min=0)).clamp(*INT16), multiplier)


def narrowed(values: Tensor, zero_point: int) -> Tensor:
    """32nds of an element to elements."""
    offset = (zero_point << FRACTION) + (1 << FRACTION >> 1)
    return ((values + offset).clamp(*INT16) >> FRACTION).clamp(*INT8)


def requantize(sums: Tensor, shift: Tensor, multiplier: Tensor, last: list[int]) -> Tensor:
    """Sums to elements; `last` is (zero point,)."""
    return narrowed(scaled(sums, shift, multiplier), last[0])


def requantize_hswish(sums: Tensor, shift: Tensor, multiplier: Tensor, last: list[int]) -> Tensor:
    """`requantize` of h-swish; `last` is (power, factor, zero point)."""
    power, factor, zero_point = last
    values = scaled(sums, shift, multiplier)
    products = high_product(values, _hard_sigmoid(values, power))
    return narrowed(high_product(products, factor), zero_point)


def requantize_hard_sigmoid(
    sums: Tensor, shift: Tensor, multiplier: Tensor, last: list[int]
) -> Tensor:
    """`requantize` of the hard sigmoid; `last` is (power, factor, zero point)."""
    power, factor, zero_point = last
    values = _hard_sigmoid(scaled(sums, shift, multiplier), power)
    return narrowed(high_product(values, factor), zero_point)


def mean(data: Tensor, constants: list[int]) -> Tensor:
    """The mean of each channel; `constants` as of `quantize.arithmetic.mean`."""
    factor, offset, shift, multiplier, zero_point = constants
    sums = data.sum((2, 3), keepdim=True, dtype=torch.int32) * factor + offset
    shifted = (sums >> shift).clamp(*INT16)
    return narrowed(high_product(shifted, multiplier), zero_point)


def gate(data: Tensor, factors: Tensor, constants: list[int]) -> Tensor:
    """The product of two tensors; `constants` as of `quantize.arithmetic.gate`."""
    first, second, factor, zero_point = constants
    products = high_product((data - first) << 7, (factors - second) << 7)
    return narrowed(high_product(products, factor), zero_point)


def add(first: Tensor, second: Tensor, constants: list[int]) -> Tensor:
    """The sum of two tensors; `constants` as of `quantize.arithmetic.add`."""
    first_zero, first_factor, second_zero, second_factor, zero_point = constants
    terms = high_product((first - first_zero) << 7, first_factor)
    terms = terms + high_product((second - second_zero) << 7, second_factor)
    return narrowed(terms.clamp(*INT16), zero_point)


def quantize(data: Tensor, inverse_scale: float, zero_point: int) -> Tensor:
    """Values to elements: the float32 product, rounded half to even, saturated."""
    rounded = torch.round((data * inverse_scale).clamp(-1024, 1024)).to(torch.int32)
    return (rounded + zero_point).clamp(*INT8)


def _hard_sigmoid(values: Tensor, power: int) -> Tensor:
    inner = values.clamp(-(HALF // power), (HALF - 1) // power)
    return inner * power + HALF

"""Requantization to the bit, on values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mnv3gen.quantize.arithmetic import requantize, scaled
from mnv3gen.quantize.weights import LEFTMOST, as_shifts, rounding


@pytest.mark.parametrize(
    ("factor", "least", "shift", "multiplier"),
    [
        (0.375, 0, 1, 24576),  # 0.75 / 2
        (0.5, 0, 0, 16384),
        (1.0, LEFTMOST, -1, 16384),  # 0.5 * 2
        (6.5, LEFTMOST, -3, 26624),  # 0.8125 * 8
        (20000.0, LEFTMOST, -15, 20000),
        (1.0, 0, 0, 32767),  # the largest below 1
        (1e-10, 0, 0, 0),  # would go right by 34
    ],
)
def test_factors(factor: float, least: int, shift: int, multiplier: int) -> None:
    found = as_shifts(np.array([factor]), least)
    assert [int(each[0]) for each in found] == [shift, multiplier]


def test_a_shift_to_the_left_rounds_nothing() -> None:
    assert rounding(np.array([-3, 0, 1, 4])).tolist() == [0, 0, 1, 8]


@pytest.mark.parametrize(
    ("total", "shift", "wanted"),
    [
        (13, 2, 2),  # 13 >> 2 = 3; 3 * 0.75 = 2.25
        (-13, 2, -3),  # down to -4; -4 * 0.75
        (13, -2, 39),  # 52 * 0.75
        (-13, -2, -39),
        (4095, -3, 24570),  # 32760 * 0.75
        (4096, -3, 24575),  # 32768 is 32767; 24575.25
        (2**31 - 1, -15, 24575),
        (-(2**31), -15, -24576),
    ],
)
def test_scaled(total: int, shift: int, wanted: int) -> None:
    found = scaled(np.array([total], np.int32), np.array([shift]), np.array([24576], np.int16))
    assert found.tolist() == [wanted]


def test_elements_of_steep_sums() -> None:
    """A factor of 6.5 in 32nds: a sum of 100 is 20.3 elements, to which the zero point is added."""
    shift, multiplier = as_shifts(np.array([6.5]), LEFTMOST)
    sums = np.array([[[100], [-100], [1000], [0], [3]]], np.int32)
    found = requantize(sums, shift, multiplier, np.array([-5], np.int16))
    assert found.ravel().tolist() == [15, -25, 127, -5, -4]

"""The order in which weights lie in memory."""

from __future__ import annotations

import numpy as np

from mnv3gen.generate.cover import Run, panels
from mnv3gen.generate.packing import panels_with_bias


def test_each_panel_is_its_bias_and_then_its_rows() -> None:
    weight = np.array([[1, 2, 3], [4, 5, 6]], np.float32)  # two steps of three channels
    bias = np.array([7, 8, 9], np.float32)
    packed = panels_with_bias(weight, bias, [Run(0, 2, 1), Run(2, 1, 1)])
    assert packed.tolist() == [7, 8, 1, 2, 4, 5, 9, 3, 6]


def test_the_bias_is_stored_as_the_weights_are() -> None:
    weight, bias = np.array([[0.1]], np.float32), np.array([2049], np.float32)
    packed = panels_with_bias(weight, bias, [Run(0, 1, 1)], "float16")
    assert packed.dtype == np.float16
    assert packed.astype(float).tolist() == [2048, 1638 / 16384]  # nearest, ties to even


def test_panels_of_one_size_are_not_interleaved() -> None:
    weight = np.arange(8, dtype=np.float32).reshape(2, 4)
    bias = np.array([10, 11, 12, 13], np.float32)
    packed = panels_with_bias(weight, bias, [Run(0, 2, 2)])
    assert packed.tolist() == [10, 11, 0, 1, 4, 5, 12, 13, 2, 3, 6, 7]


def test_a_panel_starts_where_its_channel_tells() -> None:
    steps, channels = 5, 37
    weight = np.arange(steps * channels, dtype=np.float32).reshape(steps, channels)
    bias = -1 - np.arange(channels, dtype=np.float32)
    runs = panels(channels, lanes=8, vectors=3)
    packed = panels_with_bias(
        weight.reshape(1, 1, steps, channels), bias.reshape(1, 1, 1, -1), runs
    )
    assert packed.size == (steps + 1) * channels
    for run in runs:
        for start in range(run.start, run.stop, run.size):
            at = start * (steps + 1)
            np.testing.assert_array_equal(
                packed[at : at + run.size], bias[start : start + run.size]
            )
            row = packed[at + 3 * run.size : at + 4 * run.size]  # after the bias, rows 0, 1 and 2
            np.testing.assert_array_equal(row, weight[2, start : start + run.size])

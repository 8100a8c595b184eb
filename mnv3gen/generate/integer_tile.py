"""The register tile of an integer matrix multiplication: rows by a panel of channels, in int32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Index, Memory, Register
from mnv3gen.generate.cover import Run
from mnv3gen.generate.integers import GROUPS, Integers
from mnv3gen.generate.requantize import Requantization
from mnv3gen.targets import Core

Array = npt.NDArray[Any]

LANES_OF_WORD = 4  # groups in an int8x16 that products go by
UNROLLED = 8  # groups, at most, of a reduction without a loop


@dataclass(frozen=True)
class IntegerPanel:
    """`width` channels from `channel` on, whose weights start at `at`.

    The weights of a group are `width` times its values, as int8 or widened to int16.
    """

    weights: Memory
    at: Index
    channel: Index
    width: int


@dataclass(frozen=True)
class IntegerSegment:
    """`groups` of a row's values from `offset` on, for the weights' groups from `first` on."""

    offset: int
    first: int
    groups: int


def multiply_integers(
    integers: Integers,
    requantization: Requantization,
    panel: IntegerPanel,
    source: Memory,
    rows: Sequence[Index],
    segments: Sequence[IntegerSegment],
) -> list[list[Register]]:
    """The sums of each row, which starts at an element of the source, for each vector."""
    lanes = integers.lanes
    sums = [
        [
            integers.builder.register(
                lanes, requantization.bias(panel.channel + it * lanes), "int32"
            )
            for it in range(panel.width // lanes)
        ]
        for _ in rows
    ]
    for segment in segments:
        starts = [row + segment.offset for row in rows]
        _reduce(integers, panel, source, starts, segment, sums)
    return sums


def _reduce(
    integers: Integers,
    panel: IntegerPanel,
    source: Memory,
    rows: Sequence[Index],
    segment: IntegerSegment,
    sums: list[list[Register]],
) -> None:
    """Run over one segment; where products go by lanes, by words of 16 values."""
    builder, size = integers.builder, integers.group
    words = segment.groups // LANES_OF_WORD if integers.products == "sdot" else 0
    done = words * LANES_OF_WORD

    def word(index: Index) -> None:
        start = index * LANES_OF_WORD
        data = [
            builder.register(16, builder.load(source, row + start * size, 16), "int8")
            for row in rows
        ]
        for number in range(LANES_OF_WORD):
            values = [integers.lane(it.value, number) for it in data]
            _products(integers, panel, start + (number + segment.first), values, sums)

    def group(index: Index) -> None:
        values = [integers.data(source, row + index * size) for row in rows]
        _products(integers, panel, index + segment.first, values, sums)

    builder.loop(words, word, "k")
    if segment.groups - done <= UNROLLED:
        for number in range(done, segment.groups):
            group(number)
    else:
        builder.loop(segment.groups - done, lambda index: group(index + done), "k")


def _products(
    integers: Integers,
    panel: IntegerPanel,
    group: Index,
    values: Sequence[Any],
    sums: list[list[Register]],
) -> None:
    builder, lanes = integers.builder, integers.lanes
    dtype, count = integers.vector
    weights = [
        builder.register(
            count,
            integers.values(
                panel.weights, panel.at + (group * panel.width + it * lanes) * integers.group
            ),
            dtype,
        )
        for it in range(len(sums[0]))
    ]
    held = [_held(integers, value) for value in values]
    for row, value in enumerate(held):
        for column, weight in enumerate(weights):
            total = sums[row][column]
            builder.set(total, integers.dot(total.value, value, weight.value))


def _held(integers: Integers, value: Any) -> Any:
    """Activations by lanes are part of the instruction; others take a register."""
    if integers.products == "sdot":
        return value
    dtype, count = integers.vector
    return integers.builder.register(count, value, dtype).value


def pack_panels(core: Core, matrix: Array, runs: Sequence[Run]) -> Array:
    """Weights (depth, channels) by panels: per group of the depth, each channel's values.

    The depth is filled up to whole groups, and the channels to the end of the last panel, by zeros.
    """
    group = GROUPS[core.products]
    depth = -(-matrix.shape[0] // group) * group
    filled = np.zeros((depth, runs[-1].stop), np.int8)
    filled[: matrix.shape[0], : matrix.shape[1]] = matrix
    starts = [(run, start) for run in runs for start in range(run.start, run.stop, run.size)]
    panels = [filled[:, start : start + run.size] for run, start in starts]
    return np.concatenate([ordered(core, panel).ravel() for panel in panels])


def ordered(core: Core, panel: Array) -> Array:
    """Values (depth, channels), in whole groups, in the order in which lanes take them."""
    grouped = panel.reshape(-1, GROUPS[core.products], panel.shape[1])
    if core.products != "smlal":
        return grouped.transpose(0, 2, 1)
    # Of each four channels the first two values, then the last two.
    halves = grouped.reshape(len(grouped), 2, 2, -1, 4)
    return halves.transpose(0, 3, 1, 4, 2)

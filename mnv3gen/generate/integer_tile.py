"""The register tile of an integer matrix multiplication: rows by a panel of channels, in int32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Index, Memory, Register
from mnv3gen.generate.cover import Run, panels
from mnv3gen.generate.integers import ALONG_GROUPS, GROUPS, UNIT, Integers, groups_of
from mnv3gen.generate.requantize import Requantization, padded
from mnv3gen.targets import Core

Array = npt.NDArray[Any]

BY_LANES = ("sdot", "smlal")
EQUAL_ROUNDS = (4, 5, 3, 2)  # groups, the cheapest first
PARTS_OF_WORD = (4, 2, 1)
STEPS = 4  # of sums along the reduction that a round of its loop takes
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
    panel = replace(panel, weights=integers.builder.fresh(panel.weights))
    if integers.adds_along:
        return _multiply_along(integers, requantization, panel, source, rows, segments)
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
    each = _groups_of_a_round(integers, segment.groups)
    rounds = segment.groups // each if each else 0
    done = rounds * each

    def some(index: Index) -> None:
        start = index * each
        data = [_lanes(integers, source, row + start * size, each) for row in rows]
        for number, values in enumerate(zip(*data, strict=True)):
            _products(integers, panel, start + (number + segment.first), values, sums)

    def group(index: Index) -> None:
        values = [integers.data(source, row + index * size) for row in rows]
        _products(integers, panel, index + segment.first, values, sums)

    builder.loop(rounds, some, "k")
    if segment.groups - done <= UNROLLED:
        for number in range(done, segment.groups):
            group(number)
    else:
        builder.loop(segment.groups - done, lambda index: group(index + done), "k")


def _groups_of_a_round(integers: Integers, groups: int) -> int:
    """How many groups are loaded at once, where products go by lanes; 0 elsewhere.

    Sums of pairs are best in a loop of equal rounds: in straight code LLVM puts the last additions
    off, and spills.
    """
    match integers.products:
        case "sdot":
            return LANES_OF_WORD
        case "smlal":
            fitting = (it for it in EQUAL_ROUNDS if groups % it == 0 and groups >= 2 * it)
            return next(fitting, min(groups, LANES_OF_WORD))
    return 0


def _lanes(integers: Integers, source: Memory, at: Index, groups: int) -> list[Any]:
    """What each of some groups of a row is multiplied as; they are loaded by words or parts of."""
    builder, size = integers.builder, integers.group
    lanes: list[Any] = []
    while (missing := groups - len(lanes)) > 0:
        count = next(it for it in PARTS_OF_WORD if it <= missing)
        loaded = builder.load(source, at + len(lanes) * size, count * size)
        word = builder.register(count * size, loaded, "int8").value
        lanes += [integers.lane(word, number) for number in range(count)]
    return lanes


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
    if integers.products in BY_LANES:
        return value
    dtype, count = integers.vector
    return integers.builder.register(count, value, dtype).value


def _multiply_along(
    integers: Integers,
    requantization: Requantization,
    panel: IntegerPanel,
    source: Memory,
    rows: Sequence[Index],
    segments: Sequence[IntegerSegment],
) -> list[list[Register]]:
    """As `multiply_integers`, with a vector of sums for each channel, over the reduction."""
    builder, lanes = integers.builder, integers.lanes
    along = _Along(integers, panel, source, len(rows))
    for segment in segments:
        starts = [row + segment.offset for row in rows]
        along.add(panel.at + segment.first * (integers.group * panel.width), starts, segment.groups)
    made: list[list[Register]] = []
    for own in along.sums:
        made.append([])
        for first in range(0, panel.width, lanes):
            total = integers.joined_sums([it.value for it in own[first : first + lanes]])
            total = total + requantization.bias(panel.channel + first)
            made[-1].append(builder.register(lanes, total, "int32"))
    return made


class _Along:
    """`sums` of each row for each channel, int32x4 over the reduction; empty before the first."""

    def __init__(self, integers: Integers, panel: IntegerPanel, source: Memory, rows: int) -> None:
        self.integers, self.panel, self.source = integers, panel, source
        self.sums: list[list[Register]] = [[] for _ in range(rows)]

    def add(self, at: Index, rows: Sequence[Index], groups: int) -> None:
        """Run over one segment, whose weights start at `at`, by two groups of 8 values or one."""
        two = 2 * self.integers.group
        steps, done = groups // 2, 0
        if steps and not self.sums[0]:
            self._step(at, rows, 0, two)
            done = 1

        def some(index: Index) -> None:
            for number in range(STEPS):
                self._step(at, rows, (index * STEPS + (done + number)) * two, two)

        rounds = (steps - done) // STEPS
        self.integers.builder.loop(rounds, some, "k")
        for step in range(done + rounds * STEPS, steps):
            self._step(at, rows, step * two, two)
        if groups % 2:
            self._step(at, rows, steps * two, self.integers.group)

    def _step(self, at: Index, rows: Sequence[Index], start: Index, values: int) -> None:
        builder = self.integers.builder
        data = [
            builder.register(values, builder.load(self.source, row + start, values), "int8")
            for row in rows
        ]
        for channel in range(self.panel.width):
            place = at + start * self.panel.width + channel * values
            weight = builder.load(self.panel.weights, place, values)
            held = builder.register(values, weight, "int8").value
            for own, value in zip(self.sums, data, strict=True):
                total = own[channel].value if channel < len(own) else None
                added = self.integers.along(total, value.value, held)
                if total is None:
                    own.append(builder.register(self.integers.lanes, added, "int32"))
                else:
                    builder.set(own[channel], added)


def unit_panels(channels: int, units: int) -> list[Run]:
    """Panels of at most `units` units of channels; one that is not full is a panel of its own."""
    return [Run(run.start, padded(run.size), run.count) for run in panels(channels, UNIT, units)]


def pack_panels(
    core: Core, matrix: Array, runs: Sequence[Run], segments: int = 1, along: bool = False
) -> Array:
    """Weights (depth, channels) by panels: per group of the depth, each channel's values.

    The depth is filled up to whole groups, and the channels to the end of the last panel, by zeros.
    A reduction is one of `segments` equal parts of the depth; `along` is as in `Integers`.
    """
    group = groups_of(along)[core.products]
    depth = -(-matrix.shape[0] // group) * group
    filled = np.zeros((depth, runs[-1].stop), np.int8)
    filled[: matrix.shape[0], : matrix.shape[1]] = matrix
    starts = [(run, start) for run in runs for start in range(run.start, run.stop, run.size)]
    parts = [filled[:, start : start + run.size] for run, start in starts]
    order = _along if along and core.products == "smlal" else _by_lanes
    pieces = [piece for part in parts for piece in np.split(part, segments)]
    return np.concatenate([order(core, piece).ravel() for piece in pieces])


def _by_lanes(core: Core, panel: Array) -> Array:
    """Values (depth, channels), in whole groups, with each channel's group in its lane."""
    group, lanes = GROUPS[core.products], LANES_OF_WORD
    if core.products != "smlal":
        return panel.reshape(-1, group, panel.shape[1]).transpose(0, 2, 1)
    pairs = panel.reshape(-1, 2, 2, panel.shape[1] // lanes, lanes)  # group, pair, value, unit
    return pairs.transpose(0, 3, 1, 4, 2)


def _along(core: Core, panel: Array) -> Array:
    """The same by two groups of values or one, each channel's one after the other."""
    two = 2 * ALONG_GROUPS[core.products]
    whole = len(panel) // two * two
    steps = panel[:whole].reshape(-1, two, panel.shape[1]).transpose(0, 2, 1)
    return np.concatenate([steps.ravel(), panel[whole:].T.ravel()])

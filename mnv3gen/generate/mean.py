"""The mean over a window of pixels, channel by channel: global and windowed average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnv3gen.generate.builder import Builder, Index, Memory, Value, constant
from mnv3gen.generate.cover import Run, balanced
from mnv3gen.generate.span import write


@dataclass(frozen=True)
class Window:
    """`rows` by `columns` pixels of `channels` elements; `row_stride` elements from row to row."""

    rows: int
    columns: int
    channels: int
    row_stride: int


def write_mean(
    builder: Builder,
    source: Memory,
    first: Index,
    window: Window,
    target: Memory,
    at: Index,
    lanes: int,
    pixels: int,
    vectors: int,
) -> None:
    """Store the mean of the window that starts at `first` in the source to `at` in the target.

    The source is read once and in order, `pixels` of a row at a time; the sums wait in the target,
    which the level 1 cache holds.
    """
    channels = window.channels
    factor = 1 / (window.rows * window.columns)

    def add(start: Index, count: int, to_others: bool) -> None:
        def vector(offset: Index, lanes: int) -> Value:
            places = (start + pixel * channels + offset for pixel in range(count))
            total = _total([builder.load(source, place, lanes) for place in places])
            return builder.load(target, at + offset, lanes) + total if to_others else total

        write(builder, target, at, channels, lanes, vectors, vector)

    def row(down: Index, runs: Sequence[Run]) -> None:
        for run in runs:

            def some(index: Index, run: Run = run) -> None:
                pixel = index * run.size + run.start
                add(first + down * window.row_stride + pixel * channels, run.size, True)

            builder.loop(run.count, some, "pixels")

    def scaled(offset: Index, lanes: int) -> Value:
        return builder.load(target, at + offset, lanes) * constant(factor, lanes)

    runs = balanced(window.columns, pixels)
    start = runs[0]
    add(first, start.size, False)
    row(0, [Run(start.size, start.size, start.count - 1), *runs[1:]])
    builder.loop(window.rows - 1, lambda index: row(index + 1, runs), "row")
    write(builder, target, at, channels, lanes, vectors, scaled)


def _total(values: Sequence[Value]) -> Value:
    """Added in pairs, so that no addition waits for all of those before it."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return _total(values[:half]) + _total(values[half:])

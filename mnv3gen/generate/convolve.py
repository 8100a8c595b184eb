"""Rows of a full convolution as register tiles: the stem, 1x1 convolutions, whatever is dense."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.builder import Builder, Index, Value
from mnv3gen.generate.cover import Lanes, Run, Taps, balanced, window_taps
from mnv3gen.generate.epilogue import activated
from mnv3gen.generate.multiply import Ahead, Segment, Tile, multiply

# Takes the column of an output pixel, the panel's part, and the activated value.
Finish: TypeAlias = Callable[[Index, Lanes, Value], None]


def row_taps(kernel: Kernel) -> list[Taps]:
    """Groups of output rows that see the same rows of the window."""
    return _taps(kernel, 0, kernel.padding[0])


def column_taps(kernel: Kernel) -> list[Taps]:
    """Groups of output columns that see the same columns of the window."""
    return _taps(kernel, 1, kernel.padding[1])


def column_tiles(kernel: Kernel, rows: int) -> list[tuple[Taps, Run]]:
    """How an output row is covered by tiles of at most `rows` pixels: one group of tiles each."""
    return [
        (taps, Run(run.start + taps.start, run.size, run.count))
        for taps in column_taps(kernel)
        for run in balanced(taps.count, rows)
    ]


def convolve_row(
    builder: Builder,
    kernel: Kernel,
    tile: Tile,
    row: Index,
    seen: Taps,
    rows: int,
    finish: Finish,
    ahead: Ahead | None = None,
) -> None:
    """Compute an output row of one panel; `seen` are the window's rows inside of the image.

    `rows` is the most pixels of a tile.
    """
    for taps, run in column_tiles(kernel, rows):
        segments = _segments(kernel, seen, taps)

        def body(index: Index, run: Run = run, segments: list[Segment] = segments) -> None:
            first = index * run.size + run.start
            starts = [
                _start(kernel, row, first + pixel) + tile.source_at for pixel in range(run.size)
            ]
            sums = multiply(builder, tile, starts, segments, ahead)
            for pixel, registers in enumerate(sums):
                for register, part in zip(registers, tile.columns, strict=True):
                    value = activated(register.value, kernel.epilogue, part.lanes)
                    finish(first + pixel, part, value)

        builder.loop(run.count, body, "tile")


def _taps(kernel: Kernel, axis: int, before: int) -> list[Taps]:
    outputs, inputs = kernel.output[axis], kernel.input[axis]
    return window_taps(outputs, inputs, kernel.window, kernel.stride, kernel.dilation, before)


def _start(kernel: Kernel, row: Index, column: Index) -> Index:
    """The element under the window's first tap, which may lie outside of the image."""
    _, width, depth = kernel.input
    top, left = kernel.padding[:2]
    return ((row * kernel.stride - top) * width + column * kernel.stride - left) * depth


def _segments(kernel: Kernel, rows: Taps, columns: Taps) -> list[Segment]:
    """The inputs under the window, without what lies outside: a run for each of its rows."""
    _, width, depth = kernel.input
    together = kernel.dilation == 1
    runs = [(columns.first, columns.last)]
    if not together:
        runs = [(tap, tap + 1) for tap in range(columns.first, columns.last)]
    return [
        Segment(
            offset=(row * width + first) * kernel.dilation * depth,
            first=(row * kernel.window + first) * depth,
            length=(last - first) * depth,
        )
        for row in range(rows.first, rows.last)
        for first, last in runs
    ]

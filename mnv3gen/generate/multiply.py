"""The register tile of a matrix multiplication: what convolutions spend their time in.

A tile has a few rows (pixels) and a panel of columns (output channels). Its sums stay in registers
while the reduction runs over the rows' inputs, and they start with the bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mnv3gen.generate.builder import (
    Builder,
    Index,
    Memory,
    Register,
    broadcast,
    lane,
)
from mnv3gen.generate.cover import Lanes, Run, balanced
from mnv3gen.targets import Core

LANES_OF_NEON = 4
SPARE, FEW_REGISTERS = 7, 16
ENOUGH_ROWS = 8
# Of the reduction, at least, between prefetches; with four inputs each where they are read by lane.
STEPS_OF_A_CHUNK = 8
UNROLLED_AT_MOST = 4
SMALL_TILE = 12  # registers of sums
LONG_CHUNK = 8  # steps, of which LLVM keeps a loop


@dataclass(frozen=True)
class Segment:
    """`length` consecutive inputs of a row from `offset`, for the weights' rows from `first`."""

    offset: int
    first: int
    length: int


@dataclass(frozen=True)
class _Stream:
    """Cache lines of a memory from where its counter stands, `a_tile` of them in every tile."""

    memory: Memory
    counter: Any
    a_tile: int


class Ahead:
    """Spreads prefetching over the tiles of a kernel."""

    def __init__(self, builder: Builder, tiles: int) -> None:
        self.builder, self.tiles = builder, tiles
        self.streams: list[_Stream] = []

    def add(self, memory: Memory, lines: int, start: int = 0) -> None:
        """Prefetch `lines` cache lines of a memory, from element `start` on."""
        counter = self.builder.counter(start)
        self.streams.append(_Stream(memory, counter, -(-lines // self.tiles)))

    @property
    def most_of_a_tile(self) -> int:
        """The lines of the stream that has most."""
        return max((stream.a_tile for stream in self.streams), default=0)

    def ask(self, parts: int) -> None:
        """Prefetch what is due in one of `parts` equal parts of a tile."""
        for stream in self.streams:
            lines, elements = -(-stream.a_tile // parts), stream.memory.line_elements
            at = self.builder.count(stream.counter)
            for line in range(lines):
                self.builder.prefetch(stream.memory, at + line * elements)
            self.builder.advance(stream.counter, lines * elements)


@dataclass(frozen=True)
class Tile:
    """What stays the same for the tiles of a kernel: where they read, and the panel's registers.

    `weights` holds rows of `width` channels for each step of the reduction from `at` on, with the
    bias from `bias_at` in `bias`. The image starts at `source_at` in the source.
    """

    source: Memory
    weights: Memory
    at: Index
    bias: Memory
    bias_at: Index
    width: int
    columns: tuple[Lanes, ...]
    by_lane: bool
    source_at: Index = 0


def rows_that_fit(core: Core, vectors: int, spare: int = 1) -> int:
    """How many rows by `vectors` registers of sums fit beside weights, inputs and `spare` others.

    With 128-bit vectors each row's inputs are loaded four at a time into a register of their own.
    """
    if reads_by_lane(core):
        return max(1, (core.vector_registers - spare - vectors) // (vectors + 1))
    return max(1, (core.vector_registers - spare - vectors) // vectors)


def rows_of(core: Core, vectors: int, most: int) -> int:
    """The rows of a tile whose panel has `vectors` registers: at most `most`.

    0 stands for the rule: as many as fit. Where there are registers to spare, LLVM is left some to
    move loads ahead with, or it would spill sums on cores that execute in order. Of long vectors
    eight sums keep the core busy, and more rows only read from more places.
    """
    if most:
        return min(most, rows_that_fit(core, vectors))
    if core.vector_registers <= FEW_REGISTERS:
        return rows_that_fit(core, vectors)
    fitting = rows_that_fit(core, vectors, SPARE)
    return fitting if reads_by_lane(core) else min(fitting, ENOUGH_ROWS)


def most_vectors(core: Core) -> int:
    """The widest panel, in registers, that leaves room for four rows."""
    return max(count for count in range(1, 7) if rows_of(core, count, 0) >= 4)


def reads_by_lane(core: Core) -> bool:
    """Whether inputs are loaded as vectors whose lanes are multiplied by, as NEON can."""
    return core.vector_bits == LANES_OF_NEON * 32


def broadcasts_to_long(core: Core) -> bool:
    """Whether inputs are broadcast to vectors of which there are many registers: AVX-512."""
    return not reads_by_lane(core) and core.vector_registers > FEW_REGISTERS


def multiply(
    builder: Builder,
    tile: Tile,
    rows: Sequence[Index],
    segments: Sequence[Segment],
    ahead: Ahead | None = None,
) -> list[list[Register]]:
    """The sums of each row (where its inputs start) for each register of the panel."""
    sums = [
        [
            builder.register(
                part.lanes, builder.load(tile.bias, tile.bias_at + part.offset, part.lanes)
            )
            for part in tile.columns
        ]
        for _ in rows
    ]
    tile = replace(tile, weights=builder.fresh(tile.weights))
    longest = max(segments, key=lambda segment: segment.length)
    for segment in segments:
        _reduce(builder, tile, rows, segment, sums, ahead if segment is longest else None)
    return sums


def _reduce(
    builder: Builder,
    tile: Tile,
    rows: Sequence[Index],
    segment: Segment,
    sums: list[list[Register]],
    ahead: Ahead | None,
) -> None:
    """Run over one segment, in chunks with prefetches between them."""
    step = LANES_OF_NEON if tile.by_lane else 1
    steps, rest = divmod(segment.length, step)
    lines = ahead.most_of_a_tile if ahead is not None else 0
    parts = max(1, min(lines, steps // STEPS_OF_A_CHUNK))
    # A small tile does twice as much in a round, or counting rounds would be a tenth of its work.
    small = tile.by_lane and len(rows) * len(tile.columns) <= SMALL_TILE
    done = 0
    for chunks in _chunks(steps, parts, small) if steps else []:

        def chunk(index: Index, start: int = chunks.start, size: int = chunks.size) -> None:
            if ahead is not None and lines:
                ahead.ask(parts)
            first = (index * size + start) * step

            def body(at: Index) -> None:
                _step(builder, tile, rows, segment, first + at * step, step, sums)

            if segment.length <= UNROLLED_AT_MOST:
                for at in range(size):
                    body(at)
            else:
                together = 2 if small and size >= LONG_CHUNK else 1

                def unrolled(at: Index) -> None:
                    for number in range(together):
                        body(at * together + number)

                builder.loop(size // together, unrolled, "k")
                if size % together:
                    body(size - 1)

        builder.loop(chunks.count, chunk, "chunk")
        done = chunks.stop * step
    for position in range(done, done + rest):
        _step(builder, tile, rows, segment, position, 1, sums)


def _chunks(steps: int, parts: int, small: bool) -> list[Run]:
    """Steps in about so many parts; those of a small tile in fours, which LLVM can unroll."""
    most = -(-steps // parts)
    if not small:
        return balanced(steps, most)
    most = -(-most // UNROLLED_AT_MOST) * UNROLLED_AT_MOST
    count, rest = divmod(steps, most)
    runs = [Run(0, most, count), Run(count * most, rest, 1)]
    return [run for run in runs if run.size and run.count]


def _step(
    builder: Builder,
    tile: Tile,
    rows: Sequence[Index],
    segment: Segment,
    at: Index,
    count: int,
    sums: list[list[Register]],
) -> None:
    """`count` steps of the reduction, of which 4 read their inputs as one vector a row."""
    inputs = (
        [
            builder.register(count, builder.load(tile.source, row + segment.offset + at, count))
            for row in rows
        ]
        if count > 1
        else []
    )
    for number in range(count):
        offset = tile.at + (at + segment.first + number) * tile.width
        weights = [
            builder.register(
                part.lanes, builder.load(tile.weights, offset + part.offset, part.lanes)
            )
            for part in tile.columns
        ]
        for row, start in enumerate(rows):
            scalar: Any = (
                None if inputs else builder.load(tile.source, start + segment.offset + at, 1)
            )
            for column, part in enumerate(tile.columns):
                if inputs:
                    factor = lane(inputs[row].value, number, part.lanes)
                else:
                    factor = broadcast(scalar, part.lanes)
                total = sums[row][column]
                builder.set(total, total.value + factor * weights[column].value)

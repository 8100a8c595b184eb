"""How a range is covered by tiles, panels and vectors whose sizes are known at compile time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """`count` tiles of `size` each, the first at `start`."""

    start: int
    size: int
    count: int

    @property
    def stop(self) -> int:
        """The first position after the run."""
        return self.start + self.size * self.count


@dataclass(frozen=True)
class Lanes:
    """One vector register's share of a panel: `lanes` consecutive channels from `offset`."""

    offset: int
    lanes: int


@dataclass(frozen=True)
class Taps:
    """`count` output positions from `start` that see the window's taps `first` to `last` - 1."""

    start: int
    count: int
    first: int
    last: int


def balanced(extent: int, most: int) -> list[Run]:
    """Cover `extent` by the fewest tiles of at most `most`, their sizes equal but for one.

    49 pixels by tiles of 4 are 10 tiles of 4 and 3 of 3, not 12 of 4 and a slow one of 1.
    """
    tiles = -(-extent // most)
    small, larger = divmod(extent, tiles)
    runs = [Run(0, small + 1, larger), Run(larger * (small + 1), small, tiles - larger)]
    return [run for run in runs if run.count]


def panels(channels: int, lanes: int, vectors: int) -> list[Run]:
    """Cover channels by balanced panels of at most `vectors` registers of `lanes` channels.

    Channels that fill no whole register make one more panel at the end.
    """
    whole, rest = divmod(channels, lanes)
    runs = [Run(run.start * lanes, run.size * lanes, run.count) for run in _whole(whole, vectors)]
    return [*runs, Run(whole * lanes, rest, 1)] if rest else runs


def _whole(registers: int, most: int) -> list[Run]:
    return balanced(registers, most) if registers else []


def vectors(width: int, lanes: int) -> list[Lanes]:
    """The registers of a panel: whole ones, then halves, quarters and single lanes."""
    pieces, offset = [], 0
    while width - offset:
        while lanes > width - offset:
            lanes //= 2
        pieces.append(Lanes(offset, lanes))
        offset += lanes
    return pieces


def window_taps(
    outputs: int, inputs: int, window: int, stride: int, dilation: int, before: int
) -> list[Taps]:
    """Group an axis' output positions by which of the window's taps lie inside of the input."""
    groups: list[Taps] = []
    for position in range(outputs):
        start = position * stride - before
        seen = [tap for tap in range(window) if 0 <= start + tap * dilation < inputs]
        first, last = (seen[0], seen[-1] + 1) if seen else (0, 0)
        if groups and (groups[-1].first, groups[-1].last) == (first, last):
            groups[-1] = Taps(groups[-1].start, groups[-1].count + 1, first, last)
        else:
            groups.append(Taps(position, 1, first, last))
    return groups

"""From which step to which a tensor is needed, and the most bytes needed at one time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A tensor of `bytes` that exists from step `first` to step `last`, both included."""

    name: str
    bytes: int
    first: int
    last: int

    def overlaps(self, other: Interval) -> bool:
        """Whether both exist at some step, so that they cannot share memory."""
        return self.first <= other.last and other.first <= self.last


def peak_alive(intervals: Iterable[Interval]) -> int:
    """The largest sum of bytes alive at one step: what no memory plan can go below."""
    change: dict[int, int] = {}
    for interval in intervals:
        change[interval.first] = change.get(interval.first, 0) + interval.bytes
        change[interval.last + 1] = change.get(interval.last + 1, 0) - interval.bytes
    alive = peak = 0
    for step in sorted(change):
        alive += change[step]
        peak = max(peak, alive)
    return peak

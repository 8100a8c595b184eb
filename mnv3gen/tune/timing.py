"""Candidates timed in turns, so that what slows the machine down slows all of them down."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

BLOCK_US = 250.0  # of one measurement
ROUNDS = 9
FIRST_ROUNDS = 3
HOPELESS = 1.15  # times the fastest, after the first rounds


class Timeable(Protocol):
    """Something that can be called and timed."""

    def microseconds(self, calls: int) -> float:
        """The mean time of some calls."""


@dataclass(frozen=True)
class Timing:
    """Microseconds a call: the median of the rounds, the least, and (90 % - 10 %) / median."""

    median: float
    least: float
    spread: float


def timed(runnables: Sequence[Timeable], rounds: int = ROUNDS) -> list[Timing]:
    """Time candidates in turns; those that are clearly slower leave after the first rounds."""
    calls = [_calls_of_a_block(runnable) for runnable in runnables]
    times: list[list[float]] = [[] for _ in runnables]
    alive = list(range(len(runnables)))
    for number in range(rounds):
        for index in alive:
            times[index].append(runnables[index].microseconds(calls[index]))
        if number + 1 == FIRST_ROUNDS:
            fastest = min(min(times[index]) for index in alive)
            alive = [i for i in alive if min(times[i]) <= HOPELESS * fastest or i == 0]
    return [_timing(sorted(values)) for values in times]


def _calls_of_a_block(runnable: Timeable) -> int:
    """How many calls take a block's time; a first one alone would count what caches lack."""
    calls = 1
    while (mean := runnable.microseconds(calls)) * calls < BLOCK_US / 2:
        calls *= 2
    return max(1, round(BLOCK_US / mean))


def _timing(values: list[float]) -> Timing:
    median = statistics.median(values)
    last = len(values) - 1
    spread = (values[round(0.9 * last)] - values[round(0.1 * last)]) / median
    return Timing(median, values[0], spread)

"""Candidates timed in turns, so that what slows the machine down slows all of them down."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

BLOCK_US = 250.0  # of one measurement
ROUNDS = 9
FIRST_ROUNDS = 3
LONG_ROUNDS = 41  # of a measurement that decides, and that records are made of
HOPELESS = 1.15  # times the fastest, after the first rounds
WORTH = 0.99  # of another time: what is not faster than this is no better
CERTAIN = 2.0  # standard errors that a better time has to be ahead by
MEDIAN = 1.2533  # the standard error of a median over that of a mean: sqrt(pi / 2)
TENTHS = 2.563  # standard deviations from 10 to 90 % of normal times


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


def worth(spread: float) -> float:
    """The part of another time that one of `LONG_ROUNDS` has to be below, to be better.

    A hundredth less, or twice the standard error of the ratio of both medians where that is more:
    of many candidates that are alike, some seem faster on a machine that is not quiet.
    """
    error = 2**0.5 * MEDIAN * spread / TENTHS / LONG_ROUNDS**0.5
    return min(WORTH, 1 - CERTAIN * error)


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

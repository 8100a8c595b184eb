"""The time of two bundles' parts, measured in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mnv3gen.compare.layers import Part
from mnv3gen.compile.bundle import Bundle
from mnv3gen.profile.times import TimeProfile, profile_times

TURNS = 4


@dataclass(frozen=True)
class Latency:
    """Milliseconds: the median of a whole run of each, and of each part."""

    whole: tuple[float, float]
    parts: tuple[tuple[float, float], ...]


def latency_of(
    first: Bundle,
    second: Bundle,
    parts: Sequence[Part],
    rounds: int,
    advance: Callable[[], None] = lambda: None,
) -> Latency:
    """Time both in turns on this machine; raises as `profile_times`."""
    turns: list[list[TimeProfile]] = [[], []]
    for _ in range(TURNS):
        for profiles, bundle in zip(turns, (first, second), strict=True):
            profiles.append(profile_times(bundle, -(-rounds // TURNS), advance))
    calls = [_median_calls(profiles) for profiles in turns]
    return Latency(
        whole=(_median(turns[0]), _median(turns[1])),
        parts=tuple(
            (sum(calls[0][i] for i in part.first), sum(calls[1][i] for i in part.second))
            for part in parts
        ),
    )


def _median(profiles: Sequence[TimeProfile]) -> float:
    return float(np.median([profile.median_ms for profile in profiles]))


def _median_calls(profiles: Sequence[TimeProfile]) -> list[float]:
    """Of every call, the median over turns of their medians."""
    times = np.array([[call.median_ms for call in profile.calls] for profile in profiles])
    return [float(value) for value in np.median(times, axis=0)]

"""What a series of times says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Milliseconds over a number of runs; ``spread`` is (p90 - p10) / median."""

    runs: int
    min_ms: float
    p10_ms: float
    median_ms: float
    spread: float


def summarize(times: Sequence[float]) -> Summary:
    """The summary of at least one time in milliseconds."""
    ordered = sorted(times)
    median = quantile(ordered, 0.5)
    p10 = quantile(ordered, 0.1)
    return Summary(
        runs=len(ordered),
        min_ms=ordered[0],
        p10_ms=p10,
        median_ms=median,
        spread=(quantile(ordered, 0.9) - p10) / median,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, linear between neighbours."""
    position = (len(ordered) - 1) * share
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)

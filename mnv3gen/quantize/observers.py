"""Observers: what range of a tensor int8 shall cover, from the values that calibration sees.

- `minmax`: all of them.
- `percentile`: all but one in 10,000, at the two ends together.
- `mse`: the range with the smallest mean squared error of clipping and rounding.

The last two keep a histogram whose range doubles when a value lies outside, so that one pass over
the pictures is enough.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from mnv3gen.quantize.scales import Range

Array: TypeAlias = npt.NDArray[Any]
ObserverName: TypeAlias = Literal["minmax", "percentile", "mse"]
OBSERVERS: tuple[ObserverName, ...] = get_args(ObserverName)

BINS = 8192  # even: zero is a border
LEFT_OUT = 1e-4  # of all values, by `percentile`
CANDIDATES = 64  # ends that `mse` tries on each side
STEPS = 255  # between the elements of int8
LEAST, MOST = 2.0**-100, 2.0**126  # a largest value beside which bins have borders in float32


class Observer(Protocol):
    """Sees the values of one tensor, picture after picture."""

    def add(self, values: Array) -> None:
        """Take note of the values of one picture."""

    def range(self) -> Range:
        """(smallest, largest) that int8 shall cover; 0 is inside."""


def observer_of(name: ObserverName) -> Observer:
    """A new observer by its name."""
    match name:
        case "minmax":
            return MinMax()
        case "percentile":
            return Percentile()
        case "mse":
            return MeanSquaredError()


class MinMax:
    """The range of all values."""

    def __init__(self) -> None:
        self.low = self.high = 0.0

    def add(self, values: Array) -> None:
        """Take note of the values of one picture."""
        # NaN stays: a range that is not finite is refused where a scale is made of it.
        self.low = float(np.minimum(self.low, values.min()))
        self.high = float(np.maximum(self.high, values.max()))

    def range(self) -> Range:
        """The smallest and the largest value."""
        return self.low, self.high


class Histogram(MinMax):
    """Counts of values in `BINS` equal bins from -limit to limit, a power of two."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 0.0
        self.counts = np.zeros(BINS, np.int64)

    def add(self, values: Array) -> None:
        """Take note of the values of one picture."""
        super().add(values)
        largest = max(-self.low, self.high)
        if not LEAST <= largest <= MOST:
            return
        self._reach(largest)
        scaled = (values.ravel() + np.float32(self.limit)) * np.float32(BINS / 2 / self.limit)
        index = np.minimum(scaled.astype(np.int32), BINS - 1)
        self.counts += np.bincount(index, minlength=BINS)

    @property
    def centres(self) -> Array:
        """The middle value of each bin."""
        return (np.arange(BINS) + 0.5) * (2 * self.limit / BINS) - self.limit

    def _reach(self, largest: float) -> None:
        """Double the limit until the value is inside; pairs of bins become one."""
        wanted = 2.0 ** np.ceil(np.log2(largest))
        if not self.counts.any():
            self.limit = max(self.limit, wanted)
        while self.limit < wanted:
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.pad(merged, BINS // 4)
            self.limit *= 2


class Percentile(Histogram):
    """The range without the fraction `LEFT_OUT` of the values, half of it at each end."""

    def range(self) -> Range:
        """Bins' borders, and never more than was seen."""
        total = int(self.counts.sum())
        if total == 0:
            return super().range()
        below = np.cumsum(self.counts)
        allowed = total * LEFT_OUT / (2 if self.low < 0 else 1)
        first = int(np.searchsorted(below, allowed, side="right"))
        last = int(np.searchsorted(below, total - allowed, side="left"))
        step = 2 * self.limit / BINS
        low, high = first * step - self.limit, (last + 1) * step - self.limit
        return max(self.low, min(low, 0.0)), min(self.high, max(high, 0.0))


class MeanSquaredError(Histogram):
    """The range that loses least: what lies outside by clipping, what lies inside by rounding."""

    def range(self) -> Range:
        """The best of a grid of ends."""
        if not self.counts.any():
            return super().range()
        fractions = np.arange(1, CANDIDATES + 1) / CANDIDATES
        lows = fractions * self.low if self.low < 0 else np.zeros(1)
        highs = fractions * self.high if self.high > 0 else np.zeros(1)
        below = np.array([self._beyond(low, -1) for low in lows])
        above = np.array([self._beyond(high, 1) for high in highs])
        step = (highs[None, :] - lows[:, None]) / STEPS
        zeros = self.counts[BINS // 2 - 1 : BINS // 2 + 1].sum()  # zero is an element: no error
        rounding = (self.counts.sum() - zeros) * step**2 / 12
        losses = below[:, None] + above[None, :] + rounding
        best = np.unravel_index(int(np.argmin(losses)), losses.shape)
        return float(lows[best[0]]), float(highs[best[1]])

    def _beyond(self, end: float, sign: int) -> float:
        """The squared distances of all values beyond an end."""
        distance = np.maximum(sign * (self.centres - end), 0)
        return float((self.counts * distance**2).sum())

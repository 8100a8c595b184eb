"""How many arg-maxes an error changes, expected rather than counted.

A few pictures say little about a rare event: of 64, one is 1.6 %, and whether it agrees depends on
the closest of their decisions. How close they are, and how large the error is between the two
largest scores, says more: with an error that is normal and independent of the picture, a position
whose scores are `margin` apart changes with the probability of an error of more than that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

POSITIONS = 4096  # of a picture's output that are looked at, at equal distances


@dataclass
class Margins:
    """The distances of the two largest scores of an output's positions, and the errors of them."""

    margins: list[Array] = field(default_factory=list)
    power: float = 0.0  # sum of the squared errors of the distances
    count: int = 0

    def add(self, wanted: Array, found: Array) -> None:
        """Take one more picture's scores, of float32 and of int8; the last axis is the classes."""
        scores = wanted.reshape(-1, wanted.shape[-1])
        if scores.shape[1] < 2:
            return
        step = -(-len(scores) // POSITIONS)
        scores, others = scores[::step], found.reshape(-1, found.shape[-1])[::step]
        largest = np.argpartition(scores, -2, axis=1)[:, -2:]
        ends = (np.take_along_axis(each, largest, axis=1) for each in (scores, others))
        first, second = (np.diff(each.astype(np.float64), axis=1)[:, 0] for each in ends)
        self.margins.append(np.abs(first))
        self.power += float(np.square(second - first).sum())
        self.count += len(first)

    @property
    def changed(self) -> float:
        """The expected number of changed arg-maxes; ties without an error are none."""
        if not self.power:
            return 0.0
        deviation = math.sqrt(self.power / self.count)
        scaled = np.concatenate(self.margins) / (deviation * math.sqrt(2))
        return 0.5 * sum(map(math.erfc, scaled.tolist()))

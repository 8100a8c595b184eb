"""Replaces what measures in a tuning run, once imported: every kernel is right and takes 10 us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnv3gen.tune import start
from mnv3gen.tune.timing import Timing


class Measurer:
    """See `mnv3gen.tune.measurer.Measurer`."""

    def __init__(self, *_: Any) -> None:
        pass

    def load(self, units: Any) -> None:
        """Compile nothing."""

    def is_right(self, number: int) -> bool:
        """Say so."""
        return True

    def times(self, numbers: Sequence[int], rounds: int = 0) -> list[Timing]:
        """The same for all."""
        return [Timing(median=10.0, least=9.0, spread=0.01) for _ in numbers]

    def close(self) -> None:
        """Nothing was opened."""


start.Measurer = Measurer  # type: ignore[assignment, attr-defined]
start.measured_peak = lambda folder: 50_000.0

"""How far a run is: by epochs, or by the time that it was given."""

from __future__ import annotations

import time

RESERVE = 0.02  # of a time budget, for the last evaluation, until one was timed
MARGIN = 1.3  # evaluations more than the last one took


class Clock:
    """Counts the seconds of a run, those before it was killed included."""

    def __init__(self, epochs: int, minutes: float | None, spent: float) -> None:
        self.epochs = epochs
        self.budget = None if minutes is None else 60 * minutes
        self.start = time.monotonic() - spent
        self.evaluation = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds spent."""
        return time.monotonic() - self.start

    @property
    def usable(self) -> float:
        """Seconds of the budget that training may use."""
        assert self.budget is not None
        return self.budget - max(RESERVE * self.budget, MARGIN * self.evaluation)

    def progress(self, epoch: float) -> float:
        """The share of the run that is over, after so many epochs; 1 and more is its end."""
        if self.budget is None:
            return epoch / self.epochs
        return self.elapsed / max(self.usable, 1e-9)

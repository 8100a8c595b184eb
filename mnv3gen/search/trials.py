"""`Trial`: a candidate and what came of it, and the file of them, which only grows."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from mnv3gen.journal import Journal
from mnv3gen.search.accuracy import Accuracy
from mnv3gen.search.latency import Latency

FILE = "trials.jsonl"


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of the file.

    `point` is the candidate's table. "ok" has all of the others; "stopped" was hopeless before its
    training was over, so that its reward is of what it had reached; "failed" has a `reason`, and
    never a reward.
    """

    number: int
    seed: int
    controller: str
    point: str
    state: Literal["ok", "stopped", "failed"]
    accuracy: Accuracy | None = None
    latency: Latency | None = None
    reward: float | None = None
    reason: str = ""


class Trials:
    """The trials of a search's folder, by number; those of damaged lines are made again."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / FILE, Trial)
        self.by_number = {trial.number: trial for trial in self.journal.entries}

    @property
    def in_order(self) -> list[Trial]:
        """By number, whatever the order in which they ended."""
        return [self.by_number[number] for number in sorted(self.by_number)]

    def add(self, trial: Trial) -> None:
        """Write a trial down; it is on the disk when this returns."""
        self.journal.add(trial)
        self.by_number[trial.number] = trial


def read_trials(folder: Path) -> list[Trial]:
    """The trials of a folder in order, as far as they can be read."""
    return Trials(folder).in_order

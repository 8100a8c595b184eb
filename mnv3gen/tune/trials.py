"""Every measurement of a tuning run, written down as it is made, to go on from later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from mnv3gen.generate.group import Parameters
from mnv3gen.journal import Journal
from mnv3gen.tune.timing import worth
from mnv3gen.tune.units import Task

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One candidate, timed in turns with the rule's parameters; microseconds.

    `long` marks a measurement of many rounds, which records are made of. A candidate that computed
    wrong values, or none, has `right` false and no times.
    """

    kernel: str
    schedule: str
    version: int
    core: str
    parameters: dict[str, int]
    right: bool = True
    median_us: Amount = 0.0
    rule_us: Amount = 0.0
    spread: Amount = 0.0
    long: bool = False

    @property
    def ratio(self) -> float:
        """The time over that of the rule's parameters; infinite if it is not known."""
        return self.median_us / self.rule_us if self.right and self.rule_us else float("inf")


class Trials:
    """The trials of one core, in memory and in a file."""

    def __init__(self, path: Path, core: str) -> None:
        self.journal = Journal(path, Trial)
        self._trials: dict[tuple[str, str, int], list[Trial]] = {}
        for trial in self.journal.entries:
            if trial.core == core:
                self._keep(trial)

    def of(self, task: Task) -> list[Trial]:
        """The trials of a task under the present version of its schedule."""
        return self._trials.get((*task.key, task.schedule.version), [])

    def all(self) -> Iterator[Trial]:
        """Every trial."""
        for trials in self._trials.values():
            yield from trials

    def tried(self, task: Task) -> set[tuple[tuple[str, int], ...]]:
        """The parameters that need not be measured again."""
        return {tuple(sorted(trial.parameters.items())) for trial in self.of(task)}

    def add(self, trial: Trial) -> None:
        """Write a trial to the file, so that it is kept whatever happens next."""
        self.journal.add(trial)
        self._keep(trial)

    def best(self, task: Task, rule: Parameters) -> Trial | None:
        """The least time beside the rule's in a long measurement, if worth it; else the rule's own.

        Of equal parameters the last one counts: those that a later winner was measured beside.
        """
        longs = {
            tuple(sorted(trial.parameters.items())): trial
            for trial in self.of(task)
            if trial.long and trial.right
        }
        better = [trial for trial in longs.values() if trial.ratio < worth(trial.spread)]
        own = longs.get(tuple(sorted(rule.items())))
        return min(better, key=lambda trial: trial.ratio, default=own)

    def least_us(self, task: Task) -> float:
        """The best guess of the rule's time on the undisturbed machine; infinite without any."""
        times = (trial.rule_us for trial in self.of(task) if trial.right)
        return min(times, default=float("inf"))

    def _keep(self, trial: Trial) -> None:
        key = trial.kernel, trial.schedule, trial.version
        self._trials.setdefault(key, []).append(trial)

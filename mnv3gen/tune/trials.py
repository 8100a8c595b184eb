"""Every measurement of a tuning run, appended to a file as it is made, to go on from later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mnv3gen.generate.group import Parameters
from mnv3gen.tune.kernels import Task


class Trial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One candidate, timed in turns with the rule's parameters; microseconds.

    `long` marks a measurement of many rounds, which records are made of. A candidate that computed
    wrong values has `right` false and no times.
    """

    kernel: str
    schedule: str
    version: int
    core: str
    parameters: dict[str, int]
    right: bool = True
    median_us: float = 0.0
    rule_us: float = 0.0
    spread: float = 0.0
    long: bool = False

    @property
    def ratio(self) -> float:
        """The time over that of the rule's parameters."""
        return self.median_us / self.rule_us if self.right else float("inf")


class Trials:
    """The trials of one core, in memory and in a file."""

    def __init__(self, path: Path, core: str) -> None:
        self.path, self.core = path, core
        self.damaged: list[int] = []  # numbers of lines that could not be read
        self._trials: dict[tuple[str, str, int], list[Trial]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for trial in self._read():
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
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(trial) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._keep(trial)

    def best(self, task: Task, rule: Parameters) -> Trial | None:
        """The long measurement with the least time; the rule's own counts as one."""
        longs = [trial for trial in self.of(task) if trial.long and trial.right]
        rules = [trial for trial in longs if trial.parameters == dict(rule)]
        better = [trial for trial in longs if trial.ratio < 1]
        return min(better or rules, key=lambda trial: trial.ratio, default=None)

    def _keep(self, trial: Trial) -> None:
        key = trial.kernel, trial.schedule, trial.version
        self._trials.setdefault(key, []).append(trial)

    def _read(self) -> Iterator[Trial]:
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):  # killed while writing
            with self.path.open("ab") as file:
                file.write(b"\n")
        for number, line in enumerate(content.splitlines(), 1):
            try:
                trial = msgspec.json.decode(line, type=Trial)
            except msgspec.DecodeError:
                self.damaged.append(number)
                continue
            if trial.core == self.core:
                yield trial

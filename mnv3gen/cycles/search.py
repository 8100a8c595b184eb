"""The search of schedules' parameters by modelled cycles: `mnv3gen tune --device modelled`.

Modelled cycles repeat exactly, so each candidate is looked at once, in the order of a seed, and the
best of them is the record. Every trial is on the disk before the next begins.
"""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mnv3gen import __version__
from mnv3gen.compile.cache import tool_versions
from mnv3gen.compile.log_lines import encode_lines
from mnv3gen.compile.modelled import FILE, ModelledRecord, read_modelled
from mnv3gen.compile.plan import Step, cheapest_steps, compared
from mnv3gen.compile.tuned import core_of
from mnv3gen.cycles.core import CoreModel
from mnv3gen.cycles.kernel_calls import model_units
from mnv3gen.cycles.model import stamp_of
from mnv3gen.errors import Mnv3genError
from mnv3gen.journal import Journal
from mnv3gen.targets import Target
from mnv3gen.tune.ranking import combinations
from mnv3gen.tune.tasks import Listed, calls_in_plans, tasks_of
from mnv3gen.tune.units import Task, candidate

TRIALS = "modelled_trials.jsonl"
BATCH = 6  # candidates that are compiled together
MOST = 24  # of a task
SHARE_OF_PLANNED = 0.8  # of the time


class ModelledTrial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One candidate; ``cycles`` is null for one that computes wrong values, or none."""

    kernel: str
    schedule: str
    version: int
    core: str
    model: str
    parameters: dict[str, int]
    cycles: int | None


Observer = Callable[[int, int, str], None]
"""Called with the trials so far, the tasks that have a record, and the kernel at hand."""


@dataclass
class ModelledSearch:
    """A run over some networks' tasks; the trials of earlier runs are known to it."""

    networks: Sequence[Listed]
    target: Target
    model: CoreModel
    journal: Journal[ModelledTrial]
    folder: Path
    integers: bool = False
    seed: int = 0
    observe: Observer = lambda trials, tasks, kernel: None
    trials: int = 0
    _libraries: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self.tasks = tasks_of(self.networks)
        self.calls = calls_in_plans(self.networks, self.target)
        self.stamp = stamp_of(self.model, self.target.core, self.integers)
        self.core = core_of(self.target)
        self.known: dict[tuple[str, str], list[ModelledTrial]] = {}
        for trial in self.journal.entries:
            if (trial.core, trial.model) == (self.core, self.stamp):
                self._keep(trial)

    def run(self, minutes: float) -> None:
        """Model until the time is up, or until nothing is left.

        The rules of what is planned come first, then other parameters of it for most of the time,
        then the rules of other ways to compute the same.
        """
        start = time.monotonic()
        ordered = sorted(self.tasks.values(), key=self._rank)
        planned = [task for task in ordered if self.calls[task.key]]
        end = start + minutes * 60
        self._try_rules(planned, end)
        self._try_others(planned, start + minutes * 60 * SHARE_OF_PLANNED)
        self._try_rules(ordered, end)
        self._try_others(planned, end)

    def _try_rules(self, tasks: Sequence[Task], end: float) -> None:
        for task in tasks:
            if time.monotonic() > end:
                return
            if not self._of(task):
                self._try(task, [dict(task.schedule.rule(task.group, self.target.core))])

    def _try_others(self, tasks: Sequence[Task], end: float) -> None:
        """A batch of each in turn, those first that most is computed in."""
        waiting = list(tasks)
        while waiting and time.monotonic() < end:
            for task in list(waiting):
                candidates = self._untried(task)[:BATCH]
                if not candidates or len(self._of(task)) >= MOST:
                    waiting.remove(task)
                elif time.monotonic() < end:
                    self._try(task, candidates)

    def records(self) -> list[ModelledRecord]:
        """The best of every task whose rule was modelled."""
        today = datetime.date.today().isoformat()
        best = {key: trial for key, task in self.tasks.items() if (trial := self._best(task))}
        apart = dict(self._apart({key: it.cycles or 0 for key, it in best.items()}))
        return [
            ModelledRecord(
                kernel=trial.kernel,
                schedule=trial.schedule,
                version=trial.version,
                parameters=trial.parameters,
                cycles=trial.cycles or 0,
                rule_cycles=self._rule_cycles(self.tasks[key]),
                apart_cycles=apart.get(key, 0),
                trials=len(self._of(self.tasks[key])),
                core=self.core,
                modelled_core=self.model.name,
                model=self.stamp,
                tools={"mnv3gen": __version__, **tool_versions()},
                seed=self.seed,
                date=today,
            )
            for key, trial in best.items()
        ]

    def _rank(self, task: Task) -> tuple[bool, int]:
        return not self.calls[task.key], -self.calls[task.key] * task.group.madds

    def _of(self, task: Task) -> list[ModelledTrial]:
        found = self.known.get(task.key, [])
        return [trial for trial in found if trial.version == task.schedule.version]

    def _best(self, task: Task) -> ModelledTrial | None:
        """The one of fewest cycles; none unless the rule's are known to beat."""
        right = [trial for trial in self._of(task) if trial.cycles is not None]
        if not self._rule_cycles(task):
            return None
        return min(right, key=lambda trial: trial.cycles or 0)

    def _rule_cycles(self, task: Task) -> int:
        rule = dict(task.schedule.rule(task.group, self.target.core))
        found = (it.cycles for it in self._of(task) if it.parameters == rule)
        return next((cycles for cycles in found if cycles is not None), 0)

    def _untried(self, task: Task) -> list[dict[str, int]]:
        tried = [trial.parameters for trial in self._of(task)]
        space = combinations(task.schedule.space(task.group, self.target.core))
        generator = random.Random(f"{self.seed} {task.group.name} {task.schedule.name}")  # noqa: S311
        shuffled = generator.sample(space, len(space))
        return [parameters for parameters in shuffled if parameters not in tried]

    def _try(self, task: Task, candidates: Sequence[dict[str, int]]) -> None:
        self._libraries += 1
        self.observe(self.trials, len(self.known), task.group.name)
        units = [candidate(task, parameters) for parameters in candidates]
        name = f"modelled{self._libraries}"
        try:
            found = model_units(units, self.target, self.model, self.folder, name)
            cycles = [it.cycles for it in found]
        except Mnv3genError:
            cycles = [None] * len(units)  # one that cannot be linked computes nothing
        for parameters, own in zip(candidates, cycles, strict=True):
            trial = ModelledTrial(
                kernel=task.group.name,
                schedule=task.schedule.name,
                version=task.schedule.version,
                core=self.core,
                model=self.stamp,
                parameters=dict(parameters),
                cycles=own,
            )
            self.journal.add(trial)
            self._keep(trial)
            self.trials += 1
        (self.folder / f"{name}.so").unlink(missing_ok=True)

    def _keep(self, trial: ModelledTrial) -> None:
        self.known.setdefault((trial.kernel, trial.schedule), []).append(trial)

    def _apart(self, cycles: dict[tuple[str, str], int]) -> Iterator[tuple[tuple[str, str], int]]:
        """For each group the cycles of its kernels in the best other way, where all are known."""

        def cost(step: Step) -> float:
            return cycles.get((step.group.name, step.schedule.name), float("inf"))

        for network in self.networks:
            for start, steps in enumerate(network.table):
                for step in compared(steps):
                    stop = start + len(step.calls)
                    price, _ = cheapest_steps(network.table, start, stop, cost, step)
                    if price < float("inf"):
                        yield (step.group.name, step.schedule.name), int(price)


def write_records(path: Path, records: Sequence[ModelledRecord]) -> None:
    """Merge records into a log: of the same kernel, schedule and core the new one stays."""
    known = {record.key: record for record in read_modelled(path)}
    known |= {record.key: record for record in records}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(encode_lines(known.values()))
    temporary.replace(path)


def log_of(folder: Path, target: Target) -> Path:
    """Where a target's records lie in a folder of logs."""
    return folder / target.name / FILE

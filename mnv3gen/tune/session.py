"""A tuning run: the rule of every task first, then the search where time can be won."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnv3gen.compile.tuned import NOTHING, core_of
from mnv3gen.targets import Target
from mnv3gen.tune.kernels import Candidate, Data, Runnable, Task, build
from mnv3gen.tune.ranking import chosen, combinations
from mnv3gen.tune.tasks import Listed, calls_in_plans, tasks_of
from mnv3gen.tune.timing import Timing, timed
from mnv3gen.tune.trials import Trial, Trials

BATCH = 10  # candidates that are compiled together, beside the rule
LONG_ROUNDS = 21
WORTH = 0.99  # of the rule's time: what is not faster than this is no better
ENOUGH = 3  # batches without anything better, after which a task is left alone
NEAR_FLOOR = 1.04  # times the floor, below which there is nothing to win


@dataclass
class Progress:
    """What a run tells: the task, its best time over the rule's and over its floor."""

    tasks: int
    measured: int = 0
    trials: int = 0
    task: str = ""
    ratio: float = 1.0
    floor: float = 0.0
    seconds_left: float = 0.0


Observer = Callable[[Progress], None]


@dataclass
class Session:
    """The state of a run; `madds_per_us` is the core's measured peak."""

    networks: Sequence[Listed]
    target: Target
    trials: Trials
    folder: Path
    madds_per_us: float
    seed: int = 0
    observe: Observer = lambda progress: None
    tasks: dict[tuple[str, str], Task] = field(default_factory=dict)
    fruitless: dict[tuple[str, str], int] = field(default_factory=dict)
    deadline: float = 0.0

    def __post_init__(self) -> None:
        self.tasks = self.tasks or tasks_of(self.networks)
        self.generator = random.Random(self.seed)  # noqa: S311
        self.data: dict[str, Data] = {}
        self.calls = calls_in_plans(self.networks, self.target, NOTHING)
        core = self.target.core
        self.rules = {
            key: dict(task.schedule.rule(task.group, core)) for key, task in self.tasks.items()
        }
        self.progress = Progress(len(self.tasks))

    def run(self, minutes: float) -> None:
        """Measure until the time is up or there is nothing left to win."""
        self.deadline = time.monotonic() + minutes * 60
        self._measure_rules()
        while time.monotonic() < self.deadline and (task := self._most_promising()) is not None:
            self._search(task)

    def floor(self, task: Task) -> float:
        """The microseconds of a task's multiply-adds at the core's peak."""
        return task.group.madds / self.madds_per_us

    def _measure_rules(self) -> None:
        """The rule's time of every task that has none, the planned ones first."""
        missing = [task for task in self.tasks.values() if self._best(task) is None]
        missing.sort(key=lambda task: -self.calls[task.key])
        for start in range(0, len(missing), BATCH):
            if time.monotonic() > self.deadline:
                return
            tasks = missing[start : start + BATCH]
            rules = [Candidate(task, self._rule(task)) for task in tasks]
            for runnable in self._built(rules):
                self._tell(runnable.candidate.task)
                if self._checked(runnable):
                    (timing,) = timed([runnable], LONG_ROUNDS)
                    self._add(runnable.candidate, timing, timing, long=True)

    def _search(self, task: Task) -> None:
        """Measure a batch of candidates beside the rule, and the best of them once more."""
        tried = self.trials.tried(task)
        space = task.schedule.space(task.group, self.target.core)
        untried = [it for it in combinations(space) if tuple(sorted(it.items())) not in tried]
        known = [
            (self.tasks[trial.kernel, trial.schedule], trial)
            for trial in self.trials.all()
            if trial.schedule == task.schedule.name
            and trial.version == task.schedule.version
            and (trial.kernel, trial.schedule) in self.tasks
        ]
        parameters = chosen(task, untried, known, BATCH, self.generator)
        before = self._ratio(task)
        if parameters:
            rule = Candidate(task, self._rule(task))
            built = self._built([rule, *(Candidate(task, it) for it in parameters)])
            right = [built[0], *(it for it in built[1:] if self._checked(it))]
            timings = timed(right)
            for runnable, timing in zip(right[1:], timings[1:], strict=True):
                self._add(runnable.candidate, timing, timings[0])
            fastest = min(range(len(right)), key=lambda index: timings[index].median)
            if fastest and timings[fastest].median < min(WORTH, before) * timings[0].median:
                once_more = timed([right[0], right[fastest]], LONG_ROUNDS)
                self._add(right[fastest].candidate, once_more[1], once_more[0], long=True)
        better = self._ratio(task) < before * WORTH
        left = len(untried) > len(parameters)
        waited = 0 if better else self.fruitless.get(task.key, 0) + 1
        self.fruitless[task.key] = waited if left else ENOUGH

    def _most_promising(self) -> Task | None:
        """The task whose distance to its floor, times its calls, is the largest."""
        gains = {}
        for key, task in self.tasks.items():
            best = self._best(task)
            if best is None or self.fruitless.get(key, 0) >= ENOUGH:
                continue
            if best.median_us < NEAR_FLOOR * self.floor(task):
                continue
            lost = best.median_us - self.floor(task)
            weight = self.calls[key] or 0.1  # an alternative to what is planned
            gains[key] = weight * lost / (1 + len(self.trials.of(task)) / BATCH)
        return self.tasks[max(gains, key=lambda key: gains[key])] if gains else None

    def _built(self, candidates: Sequence[Candidate]) -> list[Runnable]:
        data = [self._data(candidate.task) for candidate in candidates]
        return build(candidates, data, self.target, self.folder)

    def _data(self, task: Task) -> Data:
        name = task.group.name
        if name not in self.data:
            if len(self.data) > 2 * BATCH:
                self.data.clear()
            self.data[name] = Data(task.group, self.seed)
        return self.data[name]

    def _checked(self, runnable: Runnable) -> bool:
        right = runnable.is_right()
        if not right:
            self._add(runnable.candidate, None, None)
        return right

    def _add(
        self,
        candidate: Candidate,
        timing: Timing | None,
        rule: Timing | None,
        long: bool = False,
    ) -> None:
        task = candidate.task
        self.trials.add(
            Trial(
                kernel=task.group.name,
                schedule=task.schedule.name,
                version=task.schedule.version,
                core=core_of(self.target),
                parameters=dict(candidate.parameters),
                right=timing is not None,
                median_us=0.0 if timing is None else round(timing.median, 3),
                rule_us=0.0 if rule is None else round(rule.median, 3),
                spread=0.0 if timing is None else round(timing.spread, 4),
                long=long,
            )
        )
        self.progress.trials += 1
        self._tell(task)

    def _tell(self, task: Task) -> None:
        best = self._best(task)
        self.progress.measured = sum(1 for it in self.tasks.values() if self._best(it))
        self.progress.task = task.group.name
        self.progress.ratio = 1.0 if best is None else best.ratio
        floor = self.floor(task)
        self.progress.floor = 0.0 if best is None or not floor else best.median_us / floor
        self.progress.seconds_left = max(0.0, self.deadline - time.monotonic())
        self.observe(self.progress)

    def _rule(self, task: Task) -> dict[str, int]:
        return self.rules[task.key]

    def _best(self, task: Task) -> Trial | None:
        return self.trials.best(task, self._rule(task))

    def _ratio(self, task: Task) -> float:
        best = self._best(task)
        return 1.0 if best is None else best.ratio

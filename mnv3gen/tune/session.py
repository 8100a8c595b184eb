"""A tuning run: the rule of every task, the search where time can be won, groups against parts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mnv3gen.compile.tuned import NOTHING, Tuned, core_of
from mnv3gen.generate.group import Parameters
from mnv3gen.generate.integers import GROUPS
from mnv3gen.targets import Target
from mnv3gen.tune.apart import Choice, Comparison, Comparisons, choices
from mnv3gen.tune.measurer import Measurer, WorkerError
from mnv3gen.tune.ranking import chosen, combinations
from mnv3gen.tune.tasks import Listed, calls_in_plans, tasks_of
from mnv3gen.tune.timing import LONG_ROUNDS, WORTH, Timing, worth
from mnv3gen.tune.trials import Trial, Trials
from mnv3gen.tune.units import Task, candidate

BATCH = 10  # candidates that are compiled together, beside the rule and the best so far
ENOUGH = 3  # batches without anything better, after which a task is left alone
NEAR_FLOOR = 1.04  # times the floor, below which there is nothing to win
SHARE_OF_SEARCH = 0.8  # of the time; the rest is for groups against their parts


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
    """The state of a run; `madds_per_us` is the core's measured peak.

    What is in the records that are `known` is tried before anything else.
    """

    networks: Sequence[Listed]
    target: Target
    trials: Trials
    comparisons: Comparisons
    measurer: Measurer
    madds_per_us: float
    known: Tuned = NOTHING
    seed: int = 0
    observe: Observer = lambda progress: None
    tasks: dict[tuple[str, str], Task] = field(default_factory=dict)
    fruitless: dict[tuple[str, str], int] = field(default_factory=dict)
    deadline: float = 0.0

    def __post_init__(self) -> None:
        self.tasks = self.tasks or tasks_of(self.networks)
        self.generator = random.Random(self.seed)  # noqa: S311
        self.calls = calls_in_plans(self.networks, self.target, NOTHING)
        core = self.target.core
        self.rules = {
            key: dict(task.schedule.rule(task.group, core)) for key, task in self.tasks.items()
        }
        self.measured = {key for key, task in self.tasks.items() if self.best(task) is not None}
        self.progress = Progress(len(self.tasks))

    def run(self, minutes: float, most_trials: int | None = None) -> None:
        """Measure until the time is up, or so many candidates, or there is nothing left to win.

        The rules are measured however little time there is.
        """
        start = time.monotonic()
        self.deadline = start + minutes * 60
        self._measure_rules()
        stop = start + minutes * 60 * SHARE_OF_SEARCH
        while time.monotonic() < stop and (task := self._most_promising()) is not None:
            if most_trials is not None and self.progress.trials >= most_trials:
                break
            self._search(task)
        self._compare()

    def floor(self, task: Task) -> float:
        """The microseconds of a task's multiply-adds at the core's peak."""
        int8 = any(kernel.dtype == "int8" for kernel in task.group.kernels)
        products = GROUPS[self.target.core.products] if int8 else 1  # of a lane at a time
        return task.group.madds / self.madds_per_us / products

    def best(self, task: Task) -> Trial | None:
        """The measurement that a record is made of."""
        return self.trials.best(task, self.rules[task.key])

    @property
    def wrong(self) -> list[str]:
        """The kernels of which the rule's parameters compute no right values."""
        return sorted(
            f"{name} ({schedule})"
            for (name, schedule), task in self.tasks.items()
            if self.best(task) is None
            and any(trial.parameters == self.rules[task.key] for trial in self.trials.of(task))
        )

    def _measure_rules(self) -> None:
        """The rule's time of every task that has none, the planned ones first."""
        missing = [task for task in self.tasks.values() if self.best(task) is None]
        missing.sort(key=lambda task: -self.calls[task.key])
        for start in range(0, len(missing), BATCH):
            tasks = missing[start : start + BATCH]
            self.measurer.load([candidate(task, self.rules[task.key]) for task in tasks])
            for number, task in enumerate(tasks):
                self._tell(task)
                rule = self.rules[task.key]
                try:
                    if self._is_right(number, task, rule):
                        (timing,) = self.measurer.times([number], LONG_ROUNDS)
                        self._add(task, rule, timing, timing, long=True)
                except WorkerError:
                    self._add(task, rule, None, None)

    def _search(self, task: Task) -> None:
        """Measure a batch of candidates beside the rule and the best so far."""
        untried = self._untried(task)
        before = self._ratio(task)
        parameters = self._chosen(task, untried)
        if parameters:
            try:
                self._measure(task, parameters)
            except WorkerError:  # a kernel that was right, and then was not
                self.fruitless[task.key] = ENOUGH
                return
        better = self._ratio(task) < before * WORTH
        left = len(untried) > len(parameters)
        waited = 0 if better else self.fruitless.get(task.key, 0) + 1
        self.fruitless[task.key] = waited if left else ENOUGH

    def _untried(self, task: Task) -> list[dict[str, int]]:
        tried = self.trials.tried(task)
        space = task.schedule.space(task.group, self.target.core)
        return [it for it in combinations(space) if tuple(sorted(it.items())) not in tried]

    def _chosen(self, task: Task, untried: list[dict[str, int]]) -> list[dict[str, int]]:
        """What to measure next: what a record has, then what is ranked best."""
        recorded = self.known.parameters(task.group, task.schedule)
        first = [it for it in untried if it == recorded]
        others = [it for it in untried if it != recorded]
        known = [
            (self.tasks[trial.kernel, trial.schedule], trial)
            for trial in self.trials.all()
            if trial.schedule == task.schedule.name
            and trial.version == task.schedule.version
            and (trial.kernel, trial.schedule) in self.tasks
        ]
        return first + chosen(task, others, known, BATCH - len(first), self.generator)

    def _measure(self, task: Task, parameters: Sequence[dict[str, int]]) -> None:
        """Time what is right; the fastest meets rule and best once more, for longer."""
        rule, best = self.rules[task.key], self.best(task)
        stand = [rule] + ([best.parameters] if best and best.parameters != rule else [])
        tried = [*stand, *parameters]
        self.measurer.load([candidate(task, it) for it in tried])
        standing = range(len(stand))
        right = [n for n in range(len(stand), len(tried)) if self._is_right(n, task, tried[n])]
        numbers = [*standing, *right]
        timings = dict(zip(numbers, self.measurer.times(numbers), strict=True))
        for number in right:
            self._add(task, tried[number], timings[number], timings[0])
        fastest = min(right, key=lambda number: timings[number].median, default=0)
        if timings[fastest].median >= WORTH * min(timings[n].median for n in standing):
            return
        duel = [*standing, fastest]
        results = dict(zip(duel, self.measurer.times(duel, LONG_ROUNDS), strict=True))
        own = results[fastest]
        wins = own.median < worth(own.spread) * min(results[n].median for n in standing)
        for number in duel if wins else standing:
            self._add(task, tried[number], results[number], results[0], long=True)

    def _compare(self) -> None:
        """Groups in turns with the fastest other way; those in plans, and new ones, first."""
        best = {key: trial for key, task in self.tasks.items() if (trial := self.best(task))}
        times = {key: self.trials.least_us(self.tasks[key]) * it.ratio for key, it in best.items()}
        parameters: dict[tuple[str, str], Parameters] = {
            key: trial.parameters for key, trial in best.items()
        }
        found = list(choices(self.networks, times, parameters))
        open_ones = [choice for choice in found if not self.comparisons.is_settled(choice)]
        open_ones.sort(key=self._rank)
        for choice in open_ones:
            if time.monotonic() > self.deadline:
                return
            self._tell(self.tasks[choice.whole.group.name, choice.whole.schedule.name])
            try:
                self._compare_one(choice)
            except WorkerError:
                continue

    def _rank(self, choice: Choice) -> tuple[bool, int]:
        keys = [(it.group.name, it.schedule.name) for it in (choice.whole, *choice.others)]
        return self.comparisons.of(choice.whole) is not None, -max(self.calls[key] for key in keys)

    def _compare_one(self, choice: Choice) -> None:
        self.measurer.load(choice.units())
        if not (self.measurer.is_right(0) and self.measurer.is_right(1)):
            return
        together, apart = self.measurer.times([0, 1], LONG_ROUNDS)
        whole, parts = choice.parts()
        self.comparisons.add(
            Comparison(
                core=core_of(self.target),
                whole=whole,
                parts=parts,
                whole_us=round(together.median, 3),
                apart_us=round(apart.median, 3),
                spread=round(max(together.spread, apart.spread), 4),
            )
        )

    def _most_promising(self) -> Task | None:
        """The task whose distance to its floor, times its calls, is the largest."""
        gains = {}
        for key, task in self.tasks.items():
            best = self.best(task)
            if best is None or self.fruitless.get(key, 0) >= ENOUGH:
                continue
            time_us = self.trials.least_us(task) * best.ratio
            if time_us < NEAR_FLOOR * self.floor(task):
                continue
            lost = time_us - self.floor(task)
            weight = self.calls[key] or 0.1  # an alternative to what is planned
            gains[key] = weight * lost / (1 + len(self.trials.of(task)) / BATCH)
        return self.tasks[max(gains, key=lambda key: gains[key])] if gains else None

    def _is_right(self, number: int, task: Task, parameters: dict[str, int]) -> bool:
        right = self.measurer.is_right(number)
        if not right:
            self._add(task, parameters, None, None)
        return right

    def _add(
        self,
        task: Task,
        parameters: dict[str, int],
        timing: Timing | None,
        rule: Timing | None,
        long: bool = False,
    ) -> None:
        self.trials.add(
            Trial(
                kernel=task.group.name,
                schedule=task.schedule.name,
                version=task.schedule.version,
                core=core_of(self.target),
                parameters=dict(parameters),
                right=timing is not None,
                median_us=0.0 if timing is None else round(timing.median, 3),
                rule_us=0.0 if rule is None else round(rule.median, 3),
                spread=0.0 if timing is None else round(timing.spread, 4),
                long=long,
            )
        )
        if long:
            self.measured.add(task.key)
        self.progress.trials += 1
        self._tell(task)

    def _tell(self, task: Task) -> None:
        best = self.best(task)
        self.progress.measured = len(self.measured)
        self.progress.task = task.group.name
        self.progress.ratio = 1.0 if best is None else best.ratio
        floor = self.floor(task)
        self.progress.floor = 0.0 if best is None or not floor else best.median_us / floor
        self.progress.seconds_left = max(0.0, self.deadline - time.monotonic())
        self.observe(self.progress)

    def _ratio(self, task: Task) -> float:
        best = self.best(task)
        return 1.0 if best is None else best.ratio

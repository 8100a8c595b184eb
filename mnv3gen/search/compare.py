"""Controllers beside each other on a space whose truth is tabulated, with the same budget."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnv3gen.search.controllers import Told, make_controller
from mnv3gen.search.nas import ROUND
from mnv3gen.search.reward import Exponents
from mnv3gen.search.space import Point
from mnv3gen.search.tabulated import Truth

BEST = 10  # networks whose mean reward is compared


@dataclass(frozen=True)
class Run:
    """A controller with a seed: the mean reward of its best ten networks, each counted once.

    `networks` is how many different ones it tried, `best` the largest reward.
    """

    seed: int
    mean: float
    best: float
    networks: int


@dataclass(frozen=True)
class Compared:
    """A controller with several seeds."""

    controller: str
    runs: tuple[Run, ...]

    @property
    def mean(self) -> float:
        """The mean over the seeds of the best ten's mean reward."""
        return statistics.mean(run.mean for run in self.runs)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest of these."""
        means = [run.mean for run in self.runs]
        return min(means), max(means)


def compare(
    truth: Truth,
    controllers: Sequence[str],
    seeds: Sequence[int],
    trials: int,
    target_ms: float,
    exponents: Exponents,
    advance: Callable[[], None] = lambda: None,
) -> list[Compared]:
    """Run each controller with each seed for so many trials."""
    found = []
    for name in controllers:
        runs = []
        for seed in seeds:
            runs.append(_run(truth, name, seed, trials, target_ms, exponents))
            advance()
        found.append(Compared(name, tuple(runs)))
    return found


def best_possible(truth: Truth, target_ms: float, exponents: Exponents) -> float:
    """The mean reward of the best ten networks of the whole space."""
    return _mean_of_best([truth.reward(point, target_ms, exponents) for point in truth.values])


def _run(
    truth: Truth, name: str, seed: int, trials: int, target_ms: float, exponents: Exponents
) -> Run:
    controller = make_controller(name, truth.space, seed)
    rewards: dict[Point, float] = {}
    left = trials
    while left > 0:
        points = controller.ask(min(ROUND, left))
        if not points:
            break
        results = [Told(point, truth.reward(point, target_ms, exponents)) for point in points]
        rewards |= {result.point: result.reward or 0.0 for result in results}
        controller.tell(results)
        left -= len(points)
    values = list(rewards.values())
    return Run(seed, _mean_of_best(values), max(values), len(values))


def _mean_of_best(rewards: Sequence[float]) -> float:
    return statistics.mean(sorted(rewards)[-BEST:])

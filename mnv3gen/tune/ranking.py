"""Which untried parameters are worth a measurement: gradient-boosted trees over all trials."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np

from mnv3gen.errors import InputError
from mnv3gen.generate.group import Parameters, Space
from mnv3gen.tune.trials import Trial
from mnv3gen.tune.units import Task

LEAST_TO_LEARN_FROM = 24  # trials of a schedule
SHARE_AT_RANDOM = 0.25


def check_xgboost() -> None:
    """Raise InputError where xgboost is not installed."""
    try:
        import xgboost  # noqa: F401
    except ImportError as error:
        raise InputError("tuning needs xgboost", expected="pip install 'mnv3gen[tune]'") from error


def combinations(space: Space) -> list[dict[str, int]]:
    """Every combination of a space's values."""
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]


def chosen(
    task: Task,
    untried: Sequence[dict[str, int]],
    trials: Sequence[tuple[Task, Trial]],
    count: int,
    generator: random.Random,
) -> list[dict[str, int]]:
    """`count` of the untried parameters: those ranked best, and some at random.

    `trials` are those of all tasks under the same schedule.
    """
    if len(untried) <= count:
        return list(untried)
    shuffled = generator.sample(list(untried), len(untried))
    right = [(known, trial) for known, trial in trials if trial.right]
    if len(right) < LEAST_TO_LEARN_FROM:
        return shuffled[:count]
    predicted = _predicted(task, shuffled, right)
    ranked = [shuffled[index] for index in np.argsort(predicted, kind="stable")]
    by_chance = math.ceil(count * SHARE_AT_RANDOM)
    best = ranked[: count - by_chance]
    others = [parameters for parameters in shuffled if parameters not in best]
    return best + others[:by_chance]


def _predicted(
    task: Task, untried: Sequence[Parameters], trials: Sequence[tuple[Task, Trial]]
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The time over the rule's that a model of the trials expects."""
    import xgboost

    features = np.array([_features(known, trial.parameters) for known, trial in trials])
    known = xgboost.DMatrix(features, label=[trial.ratio for _, trial in trials])
    settings = {"max_depth": 5, "eta": 0.2, "nthread": 1, "seed": 0}
    model = xgboost.train(settings, known, num_boost_round=60)
    rows = np.array([_features(task, parameters) for parameters in untried])
    return np.asarray(model.predict(xgboost.DMatrix(rows)))


def _features(task: Task, parameters: Parameters) -> list[float]:
    """The parameters by name, and the logarithms of the first kernels' shapes."""
    shapes: list[float] = []
    for kernel in (*task.group.kernels, *task.group.kernels[-1:] * 2)[:2]:
        shapes += [math.log2(side) for side in (*kernel.input, *kernel.output)]
        shapes += [kernel.window, kernel.stride]
    return [*shapes, *(float(value) for _, value in sorted(parameters.items()))]

"""Ranking: every combination, all of few, and the best first where there is something to learn."""

from __future__ import annotations

import random

import pytest

from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.schedules import generators
from mnv3gen.generate.group import Group
from mnv3gen.tune.ranking import chosen, combinations
from mnv3gen.tune.trials import Trial
from mnv3gen.tune.units import Task


@pytest.fixture
def task() -> Task:
    kernel = Kernel("conv", (7, 7, 16), (7, 7, 24), epilogue=("bias",))
    (schedule,) = [it for it in generators() if it.name == "pointwise"]
    return Task(Group((kernel,), ((-1,),), (0,)), schedule)


def test_combinations() -> None:
    assert combinations({"a": (1, 2), "b": (5,)}) == [{"a": 1, "b": 5}, {"a": 2, "b": 5}]


def test_few_are_all_taken(task: Task) -> None:
    few = [{"a": 1}, {"a": 2}]
    assert chosen(task, few, [], 5, random.Random(0)) == few  # noqa: S311


def test_a_seed_gives_the_same_choice(task: Task) -> None:
    many = [{"a": value} for value in range(40)]
    first = chosen(task, many, [], 6, random.Random(3))  # noqa: S311
    assert first == chosen(task, many, [], 6, random.Random(3))  # noqa: S311
    assert len(first) == 6


def test_what_was_fast_is_looked_for(task: Task) -> None:
    """Times that fall with `a`: of what is left the largest values must come first."""
    trials = [
        (task, Trial(kernel="k", schedule="s", version=1, core="c", parameters={"a": value},
                     median_us=100.0 - value, rule_us=100.0))
        for value in range(0, 80, 2)
    ]  # fmt: skip
    untried = [{"a": value} for value in range(1, 80, 2)]
    best = chosen(task, untried, trials, 8, random.Random(0))[:6]  # noqa: S311
    assert min(parameters["a"] for parameters in best) > 60

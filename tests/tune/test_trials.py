"""Trials: kept as they are made, read again after a kill, and what is the best of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.schedules import generators
from mnv3gen.errors import Mnv3genError
from mnv3gen.generate.group import Group
from mnv3gen.tune.trials import Trial, Trials
from mnv3gen.tune.units import Task

CORE = "a core"
RULE = {"vectors": 3}


@pytest.fixture
def task() -> Task:
    kernel = Kernel("conv", (7, 7, 16), (7, 7, 24), epilogue=("bias",))
    (schedule,) = [it for it in generators() if it.name == "pointwise"]
    return Task(Group((kernel,), ((-1,),), (0,)), schedule)


def trial(
    task: Task,
    vectors: int,
    median: float,
    rule: float = 100.0,
    long: bool = False,
    right: bool = True,
) -> Trial:
    return Trial(
        kernel=task.group.name,
        schedule=task.schedule.name,
        version=task.schedule.version,
        core=CORE,
        parameters={"vectors": vectors},
        median_us=median,
        rule_us=rule,
        long=long,
        right=right,
    )


def test_a_killed_run_goes_on(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    first = Trials(path, CORE)
    first.add(trial(task, 1, 90.0))
    with path.open("ab") as file:
        file.write(b'{"kernel": "cut o')  # killed while writing
    second = Trials(path, CORE)
    assert second.journal.damaged == [2]
    assert second.of(task) == first.of(task)
    second.add(trial(task, 2, 80.0))
    third = Trials(path, CORE)
    assert third.journal.damaged == [2]
    assert [it.parameters["vectors"] for it in third.of(task)] == [1, 2]
    assert third.tried(task) == {(("vectors", 1),), (("vectors", 2),)}


def test_another_cores_trials_are_left_alone(task: Task, tmp_path: Path) -> None:
    Trials(tmp_path / "t", CORE).add(trial(task, 1, 90.0))
    assert Trials(tmp_path / "t", "another core").of(task) == []


def test_the_best_is_a_long_measurement(task: Task, tmp_path: Path) -> None:
    trials = Trials(tmp_path / "t", CORE)
    assert trials.best(task, RULE) is None
    trials.add(trial(task, 3, 100.0, long=True))
    trials.add(trial(task, 1, 50.0))  # a short one is no proof
    assert trials.best(task, RULE) == trial(task, 3, 100.0, long=True)
    trials.add(trial(task, 2, 81.0, 90.0, long=True))
    trials.add(trial(task, 1, 88.0, 80.0, long=True))  # slower than the rule beside it
    trials.add(trial(task, 4, 1.0, long=True, right=False))
    assert trials.best(task, RULE) == trial(task, 2, 81.0, 90.0, long=True)
    assert trial(task, 2, 81.0, 90.0).ratio == pytest.approx(0.9)


def test_a_hundredth_is_not_worth_it(task: Task, tmp_path: Path) -> None:
    trials = Trials(tmp_path / "t", CORE)
    trials.add(trial(task, 3, 100.0, long=True))
    trials.add(trial(task, 1, 99.5, long=True))
    assert trials.best(task, RULE) == trial(task, 3, 100.0, long=True)


def test_nor_is_what_may_be_luck(task: Task, tmp_path: Path) -> None:
    """Of 41 rounds with a spread of 20 % a ratio is uncertain by 2.2 %: 2 % less is nothing."""
    trials = Trials(tmp_path / "t", CORE)
    trials.add(trial(task, 3, 100.0, long=True))
    restless = msgspec.structs.replace(trial(task, 1, 98.0, long=True), spread=0.2)
    trials.add(restless)
    assert trials.best(task, RULE) == trial(task, 3, 100.0, long=True)
    trials.add(msgspec.structs.replace(restless, spread=0.05))
    assert trials.best(task, RULE) == msgspec.structs.replace(restless, spread=0.05)


def test_a_lucky_time_does_not_outlive_the_next_duel(task: Task, tmp_path: Path) -> None:
    """2 was once at 0.5 of the rule, and is at 0.85 beside 1, which is at 0.8."""
    trials = Trials(tmp_path / "t", CORE)
    trials.add(trial(task, 3, 100.0, long=True))
    trials.add(trial(task, 2, 50.0, long=True))
    trials.add(trial(task, 2, 85.0, long=True))
    trials.add(trial(task, 1, 80.0, long=True))
    assert trials.best(task, RULE) == trial(task, 1, 80.0, long=True)


def test_the_least_disturbed_time_of_the_rule(task: Task, tmp_path: Path) -> None:
    trials = Trials(tmp_path / "t", CORE)
    assert trials.least_us(task) == float("inf")
    trials.add(trial(task, 3, 100.0, 100.0, long=True))
    trials.add(trial(task, 1, 60.0, 70.0))
    trials.add(trial(task, 2, 1.0, 0.0, right=False))
    assert trials.least_us(task) == 70.0


def test_a_full_disk_leaves_whole_lines(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is taken back, and the error is none of a device."""
    trials = Trials(tmp_path / "trials.jsonl", CORE)
    trials.add(trial(task, 1, 10.0))
    before = trials.journal.path.read_bytes()

    class Full(io.FileIO):
        """A file on a disk with room for ten bytes."""

        def write(self, data: Any) -> int:
            return super().write(bytes(data)[:10])

    monkeypatch.setattr(Path, "open", lambda path, *_, **__: Full(path, "ab"))
    with pytest.raises(Mnv3genError, match="No space left"):
        trials.add(trial(task, 2, 20.0))
    monkeypatch.undo()
    assert trials.journal.path.read_bytes() == before
    trials.add(trial(task, 3, 30.0))
    assert len(Trials(trials.journal.path, CORE).journal.entries) == 2

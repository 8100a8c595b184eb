"""Modelled cycles of differently scheduled kernels beside those that this machine takes."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv3gen.cycles.core import CoreModel
from mnv3gen.cycles.stepped import (
    POINTERS,
    at_clock,
    clock_mhz,
    code_of,
    loaded_at,
    recorded,
    replayed,
)
from mnv3gen.generate.group import Parameters
from mnv3gen.targets import Target
from mnv3gen.tune.data import Data
from mnv3gen.tune.kernels import build, build_repeat
from mnv3gen.tune.ranking import combinations
from mnv3gen.tune.timing import timed
from mnv3gen.tune.units import Task, candidate
from mnv3gen.tune.worker import Clocked, Loaded

SCHEDULES = 10  # of a kernel
PASSES, ROUNDS = 5, 9
LARGEST = 1_000_000  # multiply-adds of a kernel: each of its instructions is a trap


@dataclass(frozen=True)
class Checked:
    """A kernel under some parameters; cycles of one call with warm caches."""

    kernel: str
    schedule: str
    parameters: Parameters
    measured: float
    modelled: int
    instructions: int
    multiply_adds: int

    @property
    def error(self) -> float:
        """Of the model, as a part of what was measured."""
        return self.modelled / self.measured - 1


def spread_tasks(tasks: Iterable[Task], target: Target, count: int, seed: int = 0) -> list[Task]:
    """Some tasks with several parameters to choose from, of every schedule in turn."""
    by_schedule: dict[str, list[Task]] = {}
    for task in sorted(tasks, key=lambda it: it.key):
        choices = len(combinations(task.schedule.space(task.group, target.core)))
        if choices >= SCHEDULES and LARGEST / 100 <= task.group.madds <= LARGEST:
            by_schedule.setdefault(task.schedule.name, []).append(task)
    generator = random.Random(seed)  # noqa: S311
    shuffled = [generator.sample(own, len(own)) for _, own in sorted(by_schedule.items())]
    found: list[Task] = []
    for rank in range(max(map(len, shuffled), default=0)):
        found += [own[rank] for own in shuffled if rank < len(own)]
    return found[:count]


@dataclass(frozen=True)
class Summary:
    """Over several tasks: the mean size of the errors, and what the model's choices cost.

    ``lost`` has for each task the time of what the model takes for fastest over the least.
    """

    kernels: int
    mean_error: float
    lost: tuple[float, ...]


def summarize(groups: Sequence[Sequence[Checked]]) -> Summary:
    """What the checks of some tasks come to."""
    errors = [abs(it.error) for group in groups for it in group]
    lost = tuple(
        min(group, key=lambda it: it.modelled).measured / min(it.measured for it in group)
        for group in groups
    )
    return Summary(len(errors), sum(errors) / len(errors), lost)


@dataclass(frozen=True)
class Prepared:
    """A task under several parameters, built and loaded, the first of them by its rule."""

    task: Task
    parameters: tuple[Parameters, ...]
    path: Path
    library: ctypes.CDLL
    loaded: tuple[Loaded, ...]
    clocked: tuple[Clocked, ...]


@dataclass(frozen=True)
class Times:
    """The least microseconds of each of a task's parameters, and the clock at that time."""

    least: tuple[float, ...]
    mhz: float


def prepare(tasks: Iterable[Task], target: Target, folder: Path, seed: int = 0) -> list[Prepared]:
    """Build and load each task, by its rule and by others of its parameters."""
    repeat = ctypes.CDLL(str(build_repeat(folder))).repeat
    repeat.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long]
    generator = random.Random(seed)  # noqa: S311
    return [
        _prepared(task, target, folder, f"checked{number}", repeat, generator)
        for number, task in enumerate(tasks)
    ]


def _prepared(
    task: Task,
    target: Target,
    folder: Path,
    name: str,
    repeat: Callable[..., None],
    generator: random.Random,
) -> Prepared:
    rule = dict(task.schedule.rule(task.group, target.core))
    others = [it for it in combinations(task.schedule.space(task.group, target.core)) if it != rule]
    tried = [rule, *generator.sample(others, min(SCHEDULES - 1, len(others)))]
    units = [candidate(task, it) for it in tried]
    path, scratch = build(units, target, folder, name)
    library = ctypes.CDLL(str(path))
    data = Data(task.group, 0)
    loaded = tuple(
        Loaded(unit, [library[f"candidate{n}"]], [scratch[n]], data, target.core)
        for n, unit in enumerate(units)
    )
    clocked = tuple(Clocked(it, repeat) for it in loaded)
    return Prepared(task, tuple(tried), path, library, loaded, clocked)


def measure(prepared: Sequence[Prepared], passes: int = PASSES) -> list[Times]:
    """Time everything in turns, several times over; it takes some seconds."""
    found: list[list[Times]] = [[] for _ in prepared]
    for _ in range(passes):
        for own, it in zip(found, prepared, strict=True):
            before = clock_mhz()
            timings = timed(it.clocked, rounds=ROUNDS)
            mhz = max(before, clock_mhz())
            own.append(Times(tuple(timing.least for timing in timings), mhz))
    return [
        Times(
            tuple(map(min, zip(*(it.least for it in own), strict=True))), max(it.mhz for it in own)
        )
        for own in found
    ]


def modelled(it: Prepared, times: Times, target: Target, model: CoreModel) -> list[Checked]:
    """Have the modelled core execute what was timed."""
    code = code_of(it.path, model)
    base = loaded_at(it.path, "candidate0", it.library["candidate0"])
    core = at_clock(target.core, times.mhz)
    results = []
    for parameters, loaded, least in zip(it.parameters, it.loaded, times.least, strict=True):
        pointers = [loaded.pointers[i] or 0 for i in range(POINTERS)]
        steps = recorded(model, core, code, base, loaded.functions[0] or 0, pointers)
        cycles, _ = replayed(model, core, code, base, steps)
        results.append(
            Checked(
                kernel=it.task.group.name,
                schedule=it.task.schedule.name,
                parameters=parameters,
                measured=least * times.mhz,
                modelled=cycles,
                instructions=len(steps),
                multiply_adds=it.task.group.madds,
            )
        )
    return results

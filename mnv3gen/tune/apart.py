"""Groups measured in turns with the fastest other way to compute their kernels.

Times of different minutes differ by more than most plans do, so only these decide what the plan
computes together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from mnv3gen.compile.plan import Step, cheapest_steps, compared
from mnv3gen.generate.group import Parameters
from mnv3gen.journal import Journal
from mnv3gen.tune.tasks import Listed
from mnv3gen.tune.units import Unit, in_turn

Key: TypeAlias = tuple[str, str]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kernel with the parameters that it was measured with."""

    kernel: str
    schedule: str
    version: int
    parameters: dict[str, int]


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group beside the parts that compute the same, timed in turns; microseconds."""

    core: str
    whole: Part
    parts: tuple[Part, ...]
    whole_us: float
    apart_us: float
    spread: float


@dataclass(frozen=True)
class Choice:
    """A group that can be computed in another way, and the fastest of these as far as is known."""

    whole: Step
    others: tuple[Step, ...]
    parameters: dict[Key, Parameters]

    def parts(self) -> tuple[Part, tuple[Part, ...]]:
        """The group and the others with their parameters."""
        whole, *others = (
            Part(step.group.name, step.schedule.name, step.schedule.version, dict(self._own(step)))
            for step in (self.whole, *self.others)
        )
        return whole, tuple(others)

    def units(self) -> list[Unit]:
        """Both, to be timed in turns."""
        return [
            in_turn(self.whole, steps, [self._own(step) for step in steps])
            for steps in ((self.whole,), self.others)
        ]

    def _own(self, step: Step) -> Parameters:
        return self.parameters[step.group.name, step.schedule.name]


class Comparisons:
    """The comparisons of one core, in memory and in a file."""

    def __init__(self, path: Path, core: str) -> None:
        self.journal = Journal(path, Comparison)
        self.core = core

    def of(self, step: Step) -> Comparison | None:
        """The last one of a group under the present versions of all schedules in it."""
        name, schedule = step.group.name, step.schedule
        for known in reversed(self.journal.entries):
            whole = known.whole
            if (known.core, whole.kernel) != (self.core, name):
                continue
            if (whole.schedule, whole.version) == (schedule.name, schedule.version):
                return known
        return None

    def is_settled(self, choice: Choice) -> bool:
        """Whether this very choice was measured."""
        known = self.of(choice.whole)
        return known is not None and (known.whole, known.parts) == choice.parts()

    def add(self, comparison: Comparison) -> None:
        """Write it down."""
        self.journal.add(comparison)


def choices(
    networks: Iterable[Listed], times: dict[Key, float], parameters: dict[Key, Parameters]
) -> Iterator[Choice]:
    """Every group whose time and that of another way are known, once."""

    def cost(step: Step) -> float:
        return times.get((step.group.name, step.schedule.name), float("inf"))

    seen = set()
    for network in networks:
        for start, step in _compared(network):
            key = step.group.name, step.schedule.name
            if key in seen or key not in times:
                continue
            stop = start + len(step.calls)
            price, others = cheapest_steps(network.table, start, stop, cost, step)
            if price < float("inf"):
                seen.add(key)
                yield Choice(step, tuple(others), parameters)


def _compared(network: Listed) -> Iterator[tuple[int, Step]]:
    for start, steps in enumerate(network.table):
        for step in compared(steps):
            yield start, step

"""`Unit`: what is timed, a kernel or several that follow each other and compute the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnv3gen.compile.plan import Step
from mnv3gen.compile.schedules import Schedule
from mnv3gen.generate.group import Group, Parameters


@dataclass(frozen=True)
class Task:
    """A group under a schedule that can compute it: what is tuned."""

    group: Group
    schedule: Schedule

    @property
    def key(self) -> tuple[str, str]:
        """The key of its record."""
        return self.group.name, self.schedule.name


@dataclass(frozen=True)
class Member:
    """A kernel of a unit; its own first kernel is the `first` of the whole.

    `reads` and `writes` name its tensors. The schedule is a name, to be sent to another process.
    """

    group: Group
    schedule: str
    parameters: Parameters
    first: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """Kernels that are called in order and together compute `whole`, whose tensors are named."""

    whole: Group
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    members: tuple[Member, ...]


def candidate(task: Task, parameters: Parameters) -> Unit:
    """One kernel with some parameters."""
    reads = tuple(f"input{number}" for number in range(len(task.group.inputs)))
    writes = tuple(f"output{number}" for number in range(len(task.group.writes)))
    member = Member(task.group, task.schedule.name, dict(parameters), 0, reads, writes)
    return Unit(task.group, reads, writes, (member,))


def in_turn(whole: Step, steps: Sequence[Step], parameters: Sequence[Parameters]) -> Unit:
    """The steps that compute together what `whole` does, each with its parameters."""
    members, first = [], 0
    for step, own in zip(steps, parameters, strict=True):
        name = step.schedule.name
        members.append(Member(step.group, name, dict(own), first, step.inputs, step.tensors))
        first += len(step.calls)
    return Unit(whole.group, whole.inputs, whole.tensors, tuple(members))

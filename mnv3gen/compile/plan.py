"""The plan of a network: which kernels are computed together, by which schedule, how tuned.

Kernels that follow each other may become one group if a generator accepts them. Of all ways to cut
the list of calls into groups, the plan is the one of least cost (mnv3gen/generate/cost.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mnv3gen.compile.calls import Call, Calls
from mnv3gen.compile.schedules import Schedule, generators, own_schedule, schedule_for
from mnv3gen.generate.cost import cost, tensors
from mnv3gen.generate.group import Group, Parameters
from mnv3gen.targets import Core

LONGEST_GROUP = 4  # kernels
FALLBACK_SHARE = 0.25  # of the core's peak


@dataclass(frozen=True)
class Choice:
    """The parameters of a group and where they come from: "tuned" or "rule"."""

    parameters: Parameters = field(default_factory=dict)
    provenance: str = "rule"


# The tuned parameters of a group under a schedule, or None.
LookUp: TypeAlias = Callable[[Group, Schedule], Parameters | None]


@dataclass(frozen=True)
class Step:
    """One function call: the group, the calls that it stands for, and what it costs.

    `inputs` and `tensors` are names: what the group reads, and what it writes, in its order.
    `apart` is the cost of its kernels computed one by one. Meanwhile `ahead` cache lines of later
    weights are prefetched, from byte `ahead_from` of all weights in the order of the calls.
    """

    group: Group
    schedule: Schedule
    choice: Choice
    calls: tuple[Call, ...]
    inputs: tuple[str, ...]
    tensors: tuple[str, ...]
    cost: float
    apart: float = 0.0
    ahead: int = 0
    ahead_from: int = 0

    @property
    def weight_bytes(self) -> int:
        """What it reads of the weights."""
        return sum(constant.nbytes for call in self.calls for constant in call.constants)


@dataclass(frozen=True)
class Plan:
    """The steps in order."""

    steps: tuple[Step, ...]


def make_plan(
    calls: Calls,
    core: Core,
    look_up: LookUp = lambda group, schedule: None,
    storage: Callable[[Call], str] = lambda call: "float32",
) -> Plan:
    """The plan of least cost; `storage` is the type that a call's weights are kept as."""
    planner = _Planner(calls, core, look_up, storage)
    return Plan(planner.best())


class _Planner:
    """Finds the cheapest cut from the end of the list: the best of each tail is found once."""

    def __init__(
        self, calls: Calls, core: Core, look_up: LookUp, storage: Callable[[Call], str]
    ) -> None:
        self.calls, self.core, self.look_up, self.storage = calls.calls, core, look_up, storage
        self.generators = list(generators())
        self.last_reads = dict.fromkeys(calls.outputs, len(calls.calls))
        for index, call in enumerate(calls.calls):
            for tensor in call.reads:
                self.last_reads[tensor] = max(index, self.last_reads.get(tensor, 0))

    def best(self) -> tuple[Step, ...]:
        count = len(self.calls)
        costs = [0.0] * (count + 1)
        steps: list[list[Step]] = [[]] * (count + 1)
        alone = [0.0] * count
        for start in reversed(range(count)):
            candidates = list(self._candidates(start))
            alone[start] = min(step.cost for step in candidates if len(step.calls) == 1)
            chosen = min(candidates, key=lambda step: step.cost + costs[start + len(step.calls)])
            after = start + len(chosen.calls)
            costs[start] = chosen.cost + costs[after]
            steps[start] = [replace(chosen, apart=sum(alone[start:after])), *steps[after]]
        return tuple(steps[0])

    def _candidates(self, start: int) -> Iterator[Step]:
        """Every group that may start with a call, under every schedule that accepts it."""
        own = own_schedule(self.calls[start].kernel)
        accepted = False
        for stop in range(start + 1, min(start + LONGEST_GROUP, len(self.calls)) + 1):
            members = self.calls[start:stop]
            if own is not None or any(own_schedule(call.kernel) for call in members):
                break
            step = self._grouped(start, stop)
            for schedule in self.generators:
                if step is not None and schedule.accepts(step[0], self.core):
                    accepted = accepted or stop == start + 1
                    yield self._step(schedule, *step, members)
        if not accepted:
            yield self._fallback(start)

    def _grouped(
        self, start: int, stop: int
    ) -> tuple[Group, tuple[str, ...], tuple[str, ...]] | None:
        """The group of some calls, its inputs' and its outputs' names; None if it writes nothing."""
        members = self.calls[start:stop]
        inner = {call.tensor: index for index, call in enumerate(members)}
        inputs: dict[str, int] = {}
        reads = []
        for call in members:
            for tensor in call.reads:
                if tensor not in inner:
                    inputs.setdefault(tensor, -1 - len(inputs))
            reads.append(tuple(inner.get(tensor, inputs.get(tensor, 0)) for tensor in call.reads))
        writes = [i for i, call in enumerate(members) if self.last_reads[call.tensor] >= stop]
        if not writes:
            return None
        storages = {self.storage(call) for call in members if call.constants} or {"float32"}
        if len(storages) > 1:
            return None
        kernels = tuple(call.kernel for call in members)
        group = Group(kernels, tuple(reads), tuple(writes), storages.pop())
        return group, tuple(inputs), tuple(members[index].tensor for index in writes)

    def _step(
        self,
        schedule: Schedule,
        group: Group,
        inputs: tuple[str, ...],
        written: tuple[str, ...],
        members: tuple[Call, ...],
    ) -> Step:
        tuned = self.look_up(group, schedule)
        choice = Choice(schedule.rule(group, self.core))
        if tuned is not None:
            choice = Choice(tuned, "tuned")
        price = schedule.cost(group, self.core)
        return Step(group, schedule, choice, members, inputs, written, price)

    def _fallback(self, start: int) -> Step:
        grouped = self._grouped(start, start + 1)
        assert grouped is not None
        group, inputs, written = grouped
        call = self.calls[start]
        price = cost(group, self.core, FALLBACK_SHARE, tensors(group))
        schedule = schedule_for(call.kernel)
        return Step(group, schedule, Choice(), (call,), inputs, written, price)

"""The plan of a network: which kernels are computed together, by which schedule, how tuned.

Kernels that follow each other may become one group if a generator accepts them. Of all ways to cut
the list of calls into groups, the plan is the one of least cost (mnv3gen/generate/cost.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from mnv3gen.compile.calls import Call, Calls
from mnv3gen.compile.schedules import Schedule, generators, own_schedule, schedule_for
from mnv3gen.compile.tuned import NOTHING, Tuned
from mnv3gen.generate.cost import cost, tensors
from mnv3gen.generate.group import Group, Parameters, is_one_point, within
from mnv3gen.targets import Core

LONGEST_GROUP = 4  # kernels
FALLBACK_SHARE = 0.25  # of the core's peak
FOUND = ("tuned", "modelled")  # by measuring, or by modelled cycles


@dataclass(frozen=True)
class Choice:
    """The parameters of a group and where they come from: "tuned", "modelled" or "rule".

    They are "fixed" if no record is there and the schedule has nothing to choose.
    Kernels of TVM's are "metaschedule" if its search found a schedule for them, "tuned" if it found
    none that beats the rule of `schedules/`, and "TVM" without a record.
    """

    parameters: Parameters = field(default_factory=dict)
    provenance: str = "rule"


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
        constants = [constant for call in self.calls for constant in call.constants]
        floats = sum(constant.size for constant in constants if constant.dtype == np.float32)
        others = sum(constant.nbytes for constant in constants if constant.dtype != np.float32)
        return floats * self.group.item_bytes + others


@dataclass(frozen=True)
class Plan:
    """The steps in order."""

    steps: tuple[Step, ...]


def make_plan(
    calls: Calls,
    core: Core,
    tuned: Tuned = NOTHING,
    storage: Callable[[Call], str] = lambda call: "float32",
    longest: int = LONGEST_GROUP,
) -> Plan:
    """The plan of least cost; `storage` is the type that a call's weights are kept as.

    Tuned parameters are used where there are some. A group that was measured beside the fastest
    other way to compute its kernels costs as much more or less than that way as was measured.
    No group has more kernels than `longest`.
    """
    return Plan(_Planner(calls, core, tuned, storage, longest).best())


def candidates(calls: Calls, core: Core, tuned: Tuned = NOTHING) -> list[list[Step]]:
    """For each call the steps that may start with it: every group under every schedule."""
    return _Planner(calls, core, tuned, lambda call: "float32").table


def cheapest(
    table: list[list[Step]],
    start: int,
    stop: int,
    cost: Callable[[Step], float],
    excluded: Step | None = None,
) -> float:
    """The cost of the calls from `start` to `stop` - 1 cut in the cheapest way, without a step."""
    return cheapest_steps(table, start, stop, cost, excluded)[0]


def cheapest_steps(
    table: list[list[Step]],
    start: int,
    stop: int,
    cost: Callable[[Step], float],
    excluded: Step | None = None,
) -> tuple[float, list[Step]]:
    """Beside the cost, the steps; infinite and none if there is no way."""
    best: dict[int, tuple[float, list[Step]]] = {stop: (0.0, [])}
    for first in reversed(range(start, stop)):
        best[first] = (float("inf"), [])
        for step in table[first]:
            after = first + len(step.calls)
            if step is not excluded and after <= stop:
                price = cost(step) + best[after][0]
                if price < best[first][0]:
                    best[first] = price, [step, *best[after][1]]
    return best[start]


def compared(steps: list[Step]) -> list[Step]:
    """Of the steps that may start with a call, those that another way is measured beside.

    They are all but one: a kernel alone, by the schedule that the model takes for the fastest.
    """
    alone = [step for step in steps if len(step.calls) == 1]
    first = min(alone, key=lambda step: step.cost)
    return [step for step in steps if step is not first]


class _Planner:
    """Finds the cheapest cut from the end of the list: the best of each tail is found once."""

    def __init__(
        self,
        calls: Calls,
        core: Core,
        tuned: Tuned,
        storage: Callable[[Call], str],
        longest: int = LONGEST_GROUP,
    ) -> None:
        self.calls, self.core, self.tuned = calls.calls, core, tuned
        self.longest = longest
        self.generators = list(generators())
        self.last_reads = dict.fromkeys(calls.outputs, len(calls.calls))
        for index, call in enumerate(calls.calls):
            for tensor in call.reads:
                self.last_reads[tensor] = max(index, self.last_reads.get(tensor, 0))
        self.storages = ["float32"] * len(self.calls)
        self.storages = [self._storable(i, storage(call)) for i, call in enumerate(self.calls)]
        self.table = [list(self._candidates(start)) for start in range(len(self.calls))]

    def best(self) -> tuple[Step, ...]:
        table, count = self._measured(), len(self.calls)
        costs = [0.0] * (count + 1)
        steps: list[list[Step]] = [[]] * (count + 1)
        for start in reversed(range(count)):
            options = table[start]
            chosen = min(options, key=lambda step: step.cost + costs[start + len(step.calls)])
            after = start + len(chosen.calls)
            costs[start] = chosen.cost + costs[after]
            apart = sum(_alone(table[index]) for index in range(start, after))
            steps[start] = [replace(chosen, apart=apart), *steps[after]]
        return tuple(steps[0])

    def _storable(self, index: int, storage: str) -> str:
        """The type that a call's weights are kept as: float32 where no generator reads another."""
        grouped = self._grouped(index, index + 1)
        if grouped is None or own_schedule(self.calls[index].kernel) is not None:
            return "float32"
        group = replace(grouped[0], storage=storage)
        accepted = any(schedule.accepts(group, self.core) for schedule in self.generators)
        return storage if accepted else "float32"

    def _measured(self) -> list[list[Step]]:
        """The table, in which what was measured costs that much of the cheapest other way.

        Short groups come first: of longer ones they are the other ways.
        """
        table = [list(steps) for steps in self.table]
        for length in range(1, LONGEST_GROUP + 1):
            for start, steps in enumerate(self.table):
                for step in compared(steps):
                    if step.choice.provenance not in FOUND or len(step.calls) != length:
                        continue
                    ratio = self.tuned.ratio(step.group, step.schedule)
                    if ratio is not None:
                        stop = start + length
                        price = ratio * cheapest(table, start, stop, lambda it: it.cost, step)
                        place = next(i for i, other in enumerate(table[start]) if other is step)
                        table[start][place] = replace(step, cost=price)
        return table

    def _candidates(self, start: int) -> Iterator[Step]:
        """Every group that may start with a call, under every schedule that accepts it."""
        own = own_schedule(self.calls[start].kernel)
        accepted = False
        for stop in range(start + 1, min(start + self.longest, len(self.calls)) + 1):
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
        """The group of some calls, its inputs and its outputs; None if it writes nothing."""
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
        storages = {
            storage
            for call, storage in zip(members, self.storages[start:stop], strict=True)
            if call.constants
        } or {"float32"}
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
        tuned, space = self.tuned.parameters(group, schedule), schedule.space(group, self.core)
        provenance = "fixed" if is_one_point(space) else "rule"
        choice = Choice(schedule.rule(group, self.core), provenance)
        if tuned is not None and within(space, tuned):
            choice = Choice(tuned, self.tuned.provenance(group, schedule))
        price = schedule.cost(group, self.core)
        return Step(group, schedule, choice, members, inputs, written, price)

    def _fallback(self, start: int) -> Step:
        grouped = self._grouped(start, start + 1)
        assert grouped is not None
        _, inputs, written = grouped
        call = self.calls[start]
        # TVM's function takes the call's own arguments, whatever is the same tensor.
        reads = tuple(-1 - number for number in range(len(call.kernel.reads)))
        group = Group((call.kernel,), (reads,), (0,))
        price = cost(group, self.core, FALLBACK_SHARE, tensors(group))
        schedule = schedule_for(call.kernel)
        return Step(group, schedule, Choice(provenance="TVM"), (call,), inputs, written, price)


def _alone(steps: list[Step]) -> float:
    return min(step.cost for step in steps if len(step.calls) == 1)

"""Which weights are fetched from memory while earlier kernels compute.

The weights of a network are read once a run, in order, and are larger than the caches. Kernels with
much arithmetic leave the memory idle; matrix-vector products wait for nothing else. So the former
ask for the latter's weights: as late as the memory's rate allows, and no more than a cache holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mnv3gen.compile.plan import Plan, Step
from mnv3gen.generate.group import lanes_of
from mnv3gen.targets import Core

LINE = 64  # bytes
# One cache line for so many vector multiply-adds, or so many in all of long vectors: 5 to 10 GB/s.
MULTIPLY_ADDS_A_LINE = 40
LONG_MULTIPLY_ADDS_A_LINE = 320
SHARE_OF_CACHE = 0.2  # of the largest one, which others use too
KIB = 1024


def plan_prefetch(plan: Plan, core: Core) -> Plan:
    """The plan with `ahead` and `ahead_from` set on every step that has time to prefetch."""
    sizes = [step.weight_bytes for step in plan.steps]
    capacities = [capacity(step, core) for step in plan.steps]
    steps = [
        replace(step, ahead=lines, ahead_from=start)
        for step, (lines, start) in zip(plan.steps, spread(sizes, capacities, core), strict=True)
    ]
    return Plan(tuple(_equalized(steps)))


def spread(
    weight_bytes: Sequence[int], capacities: Sequence[int], core: Core
) -> list[tuple[int, int]]:
    """For each step how many lines it prefetches, and from which byte of all weights.

    `weight_bytes` and `capacities` are those of each step: what it reads, and the lines that it has
    time for.
    """
    window = int(max(core.l2_kib, core.l3_kib) * KIB * SHARE_OF_CACHE)
    starts = [0]  # of each step's weights
    for size in weight_bytes:
        starts.append(starts[-1] + size)
    reached = starts[-1]
    found: list[tuple[int, int]] = []
    for index in reversed(range(len(weight_bytes))):
        end = starts[index + 1]
        reached = min(reached, end + window)  # what should have been asked for when it ends
        lines = min(capacities[index], max(0, -(-(reached - end) // LINE)))
        reached = max(end, reached - lines * LINE)
        found.append((lines, reached))
    return found[::-1]


def _equalized(steps: list[Step]) -> Iterator[Step]:
    """Steps of one kernel share its code, and so the number of lines: the largest of theirs."""
    largest: dict[str, int] = {}
    for step in steps:
        largest[step.group.name] = max(step.ahead, largest.get(step.group.name, 0))
    for step in steps:
        yield replace(step, ahead=largest[step.group.name])


def capacity(step: Step, core: Core) -> int:
    """The lines that a step has time for."""
    if not getattr(step.schedule.module, "PREFETCHES", False):
        return 0
    a_line = min(MULTIPLY_ADDS_A_LINE * lanes_of(core), LONG_MULTIPLY_ADDS_A_LINE)
    return step.group.madds // a_line

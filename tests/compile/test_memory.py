"""The memory plan: nothing overlaps, and the arena is near what no plan can beat."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnv3gen.compile.memory import MemoryPlan, plan_memory
from mnv3gen.graph.count import tensor_intervals
from mnv3gen.graph.expand import expand
from mnv3gen.graph.liveness import Interval, peak_alive
from mnv3gen.tables.zoo import resolve


@st.composite
def lifetimes(draw: st.DrawFn) -> tuple[Interval, ...]:
    """Up to 24 tensors of up to 2000 bytes that live within 20 steps."""
    shapes = st.tuples(st.integers(1, 2000), st.integers(0, 19), st.integers(0, 6))
    return tuple(
        Interval(f"t{number}", size, first, first + length)
        for number, (size, first, length) in enumerate(draw(st.lists(shapes, max_size=24)))
    )


def check(tensors: tuple[Interval, ...], plan: MemoryPlan) -> None:
    """What every plan has to keep, step by step and byte by byte."""
    assert plan.offsets.keys() == {tensor.name for tensor in tensors}
    assert all(offset >= 0 and offset % 64 == 0 for offset in plan.offsets.values())
    for a, b in combinations(tensors, 2):
        if set(range(a.first, a.last + 1)) & set(range(b.first, b.last + 1)):
            at, there = plan.offsets[a.name], plan.offsets[b.name]
            assert at + a.bytes <= there or there + b.bytes <= at, (a, b)
    ends = [plan.offsets[tensor.name] + tensor.bytes for tensor in tensors]
    assert plan.arena_bytes >= max(ends, default=0)
    assert plan.arena_bytes % 64 == 0


def peak_step_by_step(tensors: tuple[Interval, ...]) -> int:
    return max(
        sum(tensor.bytes for tensor in tensors if tensor.first <= step <= tensor.last)
        for step in range(30)
    )


@given(lifetimes())
def test_random_lifetimes(tensors: tuple[Interval, ...]) -> None:
    plan = plan_memory(tensors)
    check(tensors, plan)
    assert plan.peak_alive_bytes == peak_step_by_step(tensors)
    assert plan.arena_bytes >= plan.peak_alive_bytes


@given(lifetimes())
def test_a_plan_does_not_depend_on_the_run(tensors: tuple[Interval, ...]) -> None:
    assert plan_memory(tensors) == plan_memory(tensors)


@pytest.mark.parametrize(
    ("lives", "peak", "arena"),
    [
        ([], 0, 64),  # never empty, so that its address is never null
        ([(1, 0, 0)], 1, 64),
        ([(64, 0, 0), (64, 1, 1)], 64, 64),  # one after the other
        ([(64, 0, 1), (64, 1, 1)], 128, 128),  # both at step 1
        ([(100, 0, 1), (100, 1, 2), (100, 2, 3)], 200, 256),  # two places of 128
        ([(640, 0, 3), (64, 0, 0), (64, 1, 1), (64, 2, 3)], 704, 704),
        # A chain that narrows: 512 with 256, then 256 with 128 in the place of the 512.
        ([(512, 0, 1), (256, 1, 2), (128, 2, 3)], 768, 768),
    ],
)
def test_by_hand(lives: list[tuple[int, int, int]], peak: int, arena: int) -> None:
    tensors = tuple(Interval(f"t{number}", *life) for number, life in enumerate(lives))
    plan = plan_memory(tensors)
    check(tensors, plan)
    assert (plan.peak_alive_bytes, plan.arena_bytes) == (peak, arena)


def test_a_tensor_that_fits_a_gap_goes_there() -> None:
    tensors = (
        Interval("low", 256, 0, 4),
        Interval("early", 192, 0, 1),
        Interval("high", 128, 1, 4),
        Interval("late", 64, 3, 4),
    )
    plan = plan_memory(tensors)
    check(tensors, plan)
    assert plan.arena_bytes == 256 + 192 + 128  # all three are alive at step 1


def test_peak_alive_of_no_tensor() -> None:
    assert peak_alive(()) == 0


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small"])
@pytest.mark.parametrize("width", ["1", "0.35"])
@pytest.mark.parametrize("resolution", [96, 224])
def test_networks_come_near_the_bound(name: str, width: str, resolution: int) -> None:
    tensors = tensor_intervals(expand(resolve(name, width, resolution)))
    plan = plan_memory(tensors)
    check(tensors, plan)
    assert plan.arena_bytes <= 1.15 * plan.peak_alive_bytes

"""The memory plan: where in the arena each tensor lies.

Tensors that exist at the same time must not overlap. Finding the smallest arena is NP-hard; placing
each tensor at the lowest gap, the largest first, comes close ("Efficient Memory Management for Deep
Neural Net Inference", Pisarchyk and Lee, 2020), and the best of three orders closer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mnv3gen.compile.program import ALIGNMENT, aligned
from mnv3gen.graph.liveness import Interval, peak_alive

ORDERS: tuple[Callable[[Interval], tuple[int, ...]], ...] = (
    lambda tensor: (-tensor.bytes, tensor.first),
    lambda tensor: (-tensor.bytes * (tensor.last - tensor.first + 1), tensor.first),
    lambda tensor: (tensor.first, -tensor.bytes),
)


@dataclass(frozen=True)
class MemoryPlan:
    """`offsets` in bytes by tensor, `arena_bytes` in all, and the bound that no plan can beat."""

    offsets: dict[str, int]
    arena_bytes: int
    peak_alive_bytes: int


def plan_memory(tensors: tuple[Interval, ...]) -> MemoryPlan:
    """The smallest of the arenas that the orders give; every offset is a multiple of 64 bytes."""
    plans = [_placed(sorted(tensors, key=order)) for order in ORDERS]
    offsets, arena = min(plans, key=lambda plan: plan[1])
    return MemoryPlan(offsets, max(arena, ALIGNMENT), peak_alive(tensors))


def _placed(tensors: list[Interval]) -> tuple[dict[str, int], int]:
    offsets: dict[str, int] = {}
    placed: list[Interval] = []
    arena = 0
    for tensor in tensors:
        taken = sorted(
            (offsets[other.name], aligned(other.bytes))
            for other in placed
            if other.overlaps(tensor)
        )
        offset = 0
        for start, size in taken:
            if offset + tensor.bytes <= start:
                break
            offset = max(offset, start + size)
        offsets[tensor.name] = offset
        placed.append(tensor)
        arena = max(arena, offset + aligned(tensor.bytes))
    return offsets, arena

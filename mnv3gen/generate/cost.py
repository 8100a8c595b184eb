"""The cost model that decides which kernels are computed together.

A cost is in vector multiply-adds: the time in which the core does one of them per lane. Arithmetic
costs its multiply-adds over the share of the peak that a generator reaches; memory costs what it
takes to move a vector from the smallest cache that holds the tensor; a call costs a constant. The
figures were measured on one x86-64 core (Zen 3) and serve to compare plans, not to predict times.
"""

from __future__ import annotations

from collections.abc import Iterable

from mnv3gen.generate.group import Group, lanes_of
from mnv3gen.targets import Core

KIB = 1024
FLOAT_BYTES = 4
CALL = 300.0
# One vector moved from each level, read or written.
L1, L2, L3, DRAM = 0.5, 1.0, 2.0, 6.0


def cost(
    group: Group,
    core: Core,
    share: float,
    traffic: Iterable[tuple[int, int]],
    madds: int | None = None,
) -> float:
    """The cost of a group whose arithmetic reaches a `share` of the core's peak.

    `traffic` has the bytes of each tensor and how often it is gone over; `madds` are those that are
    computed, where some that a group counts are left out.
    """
    arithmetic = (group.madds if madds is None else madds) / lanes_of(core) / share
    return CALL + arithmetic + sum(moved(core, size) * times for size, times in traffic)


def moved(core: Core, size: int) -> float:
    """The cost of going once over a tensor of `size` bytes that was touched before."""
    level = DRAM
    for kib, figure in ((core.l3_kib, L3), (core.l2_kib, L2), (core.l1d_kib, L1)):
        if size <= kib * KIB // 2:
            level = figure
    return level * size / (core.vector_bits // 8)


def tensors(group: Group) -> list[tuple[int, int]]:
    """Every input and output of a group, gone over once."""
    shapes = [*group.inputs, *(group.kernels[index].output for index in group.writes)]
    return [(_bytes(shape), 1) for shape in shapes]


def _bytes(shape: tuple[int, ...]) -> int:
    size = FLOAT_BYTES
    for side in shape:
        size *= side
    return size

"""Consecutive int8 elements that are written vector by vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from mnv3gen.generate.builder import Index, Memory, Value
from mnv3gen.generate.integers import UNIT, Integers
from mnv3gen.generate.widen import store_some

UNROLLED = 2  # vectors, to share the loop's own instructions

# Takes an element's position, how many lanes are wanted, and how many of them exist.
Elements: TypeAlias = Callable[[Index, int, int], Value]


def write_elements(
    integers: Integers, target: Memory, first: Index, size: int, elements: Elements
) -> None:
    """Store to the `size` elements from `first`, by the longest vectors of int16 that there are."""
    builder, lanes = integers.builder, 2 * integers.lanes

    def vector(at: Index) -> None:
        builder.store(target, first + at, elements(at, lanes, lanes), lanes)

    def body(index: Index) -> None:
        for number in range(UNROLLED):
            vector((index * UNROLLED + number) * lanes)

    whole = size // lanes
    builder.loop(whole // UNROLLED, body, "round")
    for number in range(whole // UNROLLED * UNROLLED, whole):
        vector(number * lanes)
    for at in range(whole * lanes, size, UNIT):
        count = min(UNIT, size - at)
        store_some(builder, target, first + at, elements(at, UNIT, count), count)

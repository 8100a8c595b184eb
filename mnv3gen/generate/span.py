"""Consecutive elements that are written vector by vector: what kernels without sums consist of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from mnv3gen.generate import cover
from mnv3gen.generate.builder import Builder, Index, Memory, Value

# Takes an element's position in the span, and how many from there on are wanted as one vector.
Vector: TypeAlias = Callable[[Index, int], Value]


def write(
    builder: Builder,
    target: Memory,
    first: Index,
    size: int,
    lanes: int,
    vectors: int,
    vector: Vector,
) -> None:
    """Store to the `size` elements from `first`, at most `vectors` registers a round.

    All of a round is loaded before any of it is stored, so that a core that executes in order waits
    once. What fills no whole register of `lanes` elements is stored in smaller ones.
    """
    for run in cover.panels(size, lanes, vectors):
        parts = cover.vectors(run.size, lanes)

        def body(index: Index, run: cover.Run = run, parts: list[cover.Lanes] = parts) -> None:
            start = index * run.size + run.start
            values = [
                builder.register(part.lanes, vector(start + part.offset, part.lanes))
                for part in parts
            ]
            for part, value in zip(parts, values, strict=True):
                builder.store(target, first + start + part.offset, value.value, part.lanes)

        builder.loop(run.count, body, "round")

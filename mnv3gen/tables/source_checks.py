"""What the sources of a row must be: how many, and of which shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mnv3gen.errors import TableError
from mnv3gen.tables.shapes import Shape
from mnv3gen.tables.values import MAX_CHANNELS, Where

if TYPE_CHECKING:
    from mnv3gen.tables.network import Row

SOURCES = {"add": 2, "concat": 2, "gate": 2, "resize": 2}
"""How many sources an operator reads, where it is not one; a concat may have more."""


def check_source_shapes(row: Row, inputs: Sequence[Shape], where: Where) -> None:
    """Check number and shapes of the sources; raises `TableError` at the ``sources`` field."""
    count = SOURCES.get(row.operator, 1)
    if len(inputs) != count and not (row.operator == "concat" and len(inputs) > count):
        place, found = where("sources")
        more = " or more" if row.operator == "concat" else ""
        expected = f"{count} for {row.operator}{more}"
        raise TableError("wrong number of sources", place=place, found=found, expected=expected)
    expected = _misfit(row.operator, inputs)
    if expected:
        place, _ = where("sources")
        raise TableError(
            "sources that do not fit together",
            place=place,
            found=" and ".join(shown(shape) for shape in inputs[:8]),
            expected=expected,
        )


def _misfit(operator: str, inputs: Sequence[Shape]) -> str:
    """Return what the sources should be and are not; "" where they fit."""
    first = inputs[0]
    if operator == "add" and inputs[1] != first:
        return f"twice {shown(first)}, for an add"
    if operator == "gate" and inputs[1] not in (first, (1, 1, first[2])):
        return f"{shown(first)} and the same or 1x1x{first[2]}, for a gate"
    if operator == "concat" and any(each[:2] != first[:2] for each in inputs):
        return f"height and width {first[0]}x{first[1]} in every source, for a concat"
    if operator == "concat" and sum(each[2] for each in inputs) > MAX_CHANNELS:
        return f"at most {MAX_CHANNELS} channels together"
    return ""


def shown(shape: Shape) -> str:
    """Return a shape as tables write it: 28x28x40."""
    return "x".join(map(str, shape))

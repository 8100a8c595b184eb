"""The limits of a table's values, and the errors about a value at its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mnv3gen.errors import TableError, nearest_names

MAX_CHANNELS = 65_536
MAX_SIDE = 8_192
MAX_CLASSES = 1_000_000
MAX_ROWS = 1_000
MAX_KERNEL = 11
MAX_DILATION = 64
MAX_LABELS = 8
"""Labels of one row."""

Spot = tuple[str, object]
"""Where a value stands, and the value as it stands there."""


class Where(Protocol):
    """Tells the spot of a field of a row, or of one item of that field."""

    def __call__(self, field: str, item: int | None = None, /) -> Spot:
        """Return the spot."""
        ...


def nearest_choices(found: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return the choices most like ``found``, whatever its case."""
    spelled = {choice.lower(): choice for choice in choices}
    return tuple(spelled[name] for name in nearest_names(found[:60].lower(), spelled))


def one_of(value: object, choices: Sequence[str], problem: str, spot: Spot) -> None:
    """Raise `TableError` unless the value is one of the choices; "" is written "-"."""
    expected = ", ".join(choice or "-" for choice in choices)
    if value not in choices:
        nearest = nearest_choices(str(value), choices)
        raise TableError(problem, place=spot[0], found=spot[1], expected=expected, nearest=nearest)


def within(value: object, low: int, high: int) -> bool:
    """Whether the value is an integer (no bool) from ``low`` to ``high``."""
    return type(value) is int and low <= value <= high


def need(fits: object, problem: str, spot: Spot, expected: str) -> None:
    """Raise `TableError` unless ``fits``."""
    if not fits:
        raise TableError(problem, place=spot[0], found=spot[1], expected=expected)

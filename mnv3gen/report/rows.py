"""Two tables side by side: rows that stand for each other, and the cells in which they differ."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from mnv3gen.tables.format import operator_cell
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.shapes import Shape, row_shapes

COLUMNS = ("Input", "Operator", "exp size", "#out", "SE", "NL", "s")


@dataclass(frozen=True)
class Pair:
    """The cells of a row of the one table and of the other, empty where it has none.

    `differs` is true for each column in which both have a cell, and not the same.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def differs(self) -> tuple[bool, ...]:
        """Column by column."""
        if not (self.left and self.right):
            return (False,) * len(COLUMNS)
        return tuple(one != other for one, other in zip(self.left, self.right, strict=True))


def pairs(left: Network, right: Network) -> list[Pair]:
    """Every row of both tables in order; rows at the same place of the image stand together."""
    ours, theirs = (_rows(network) for network in (left, right))
    keys = [[_key(row, shape) for row, shape in each] for each in (ours, theirs)]
    found: list[Pair] = []
    matcher = difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for _, first, last, begin, end in matcher.get_opcodes():
        one = [_cells(*it) for it in ours[first:last]]
        other = [_cells(*it) for it in theirs[begin:end]]
        for index in range(max(len(one), len(other))):
            found.append(Pair(_at(one, index), _at(other, index)))
    return found


def likeness(left: Network, right: Network) -> float:
    """The share of rows that stand at the same places of the image: 1 for all."""
    keys = [[_key(row, shape) for row, shape in _rows(network)] for network in (left, right)]
    return difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False).ratio()


def _rows(network: Network) -> list[tuple[Row, Shape]]:
    shapes = [shape for shape, _ in row_shapes(network)]
    return list(zip(network.rows, shapes, strict=True))


def _key(row: Row, shape: Shape) -> tuple[object, ...]:
    return row.operator, row.stride, shape[0]


def _cells(row: Row, shape: Shape) -> tuple[str, ...]:
    return (
        f"{shape[0]}x{shape[1]}x{shape[2]}",
        operator_cell(row, shape),
        str(row.expansion or "-"),
        str(row.out or "-"),
        str(row.squeeze or "-"),
        row.nonlinearity or "-",
        str(row.stride),
    )


def _at(cells: list[tuple[str, ...]], index: int) -> tuple[str, ...]:
    return cells[index] if index < len(cells) else ()

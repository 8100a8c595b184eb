"""A network cut where no kernel reaches across: pieces are planned once, whatever they stand in.

A generator computes kernels of one bneck together, of the stem with the first one, or of the last
convolution with the pool. So the table may be cut between two dense convolutions, unless the first
is followed by squeeze-and-excite, or a label from before the cut is read after it.
`tests/measure` compares pieces' plans with those of whole networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from mnv3gen.tables.network import Conventions, Network, Row
from mnv3gen.tables.shapes import Shape, row_shapes

NAME = "piece"


class Key(NamedTuple):
    """All that a piece's plan depends on."""

    shape: Shape
    rows: tuple[Row, ...]
    conventions: Conventions
    classes: int

    def network(self) -> Network:
        """The piece as a network of its own, without where its rows stood."""
        height, width, channels = self.shape
        rows = tuple(replace(row, line=0, written="") for row in self.rows)
        return Network(NAME, height, width, channels, self.classes, rows, self.conventions)


def key_of(network: Network) -> Key:
    """The key of a network that is one piece."""
    shape = network.height, network.width, network.channels
    return Key(shape, network.rows, network.conventions, network.classes)


def pieces_of(network: Network) -> Iterator[Key]:
    """The pieces in order."""
    shapes = [shape for shape, _ in row_shapes(network)]
    places = [0, *_cuts(network, shapes), len(network.rows)]
    for start, stop in pairwise(places):
        rows = _renamed(network.rows[start:stop])
        yield Key(shapes[start], rows, network.conventions, network.classes)


def _renamed(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Labels that say nothing but which row they stand for."""
    names = {"": ""}
    for row in rows:
        for name, _ in row.labels:
            names[name] = f"x{len(names)}"
    if len(names) == 1:
        return rows
    return tuple(
        replace(
            row,
            labels=tuple((names[name], part) for name, part in row.labels),
            sources=tuple(names[source] for source in row.sources),
        )
        for row in rows
    )


def _cuts(network: Network, shapes: list[Shape]) -> Iterator[int]:
    """The rows before which the table is cut."""
    if network.outputs:
        return
    last_read = _last_reads(network.rows)
    reach = 0  # the last row that reads what is above
    for index in range(1, len(network.rows)):
        reach = max(reach, last_read[index - 1])
        before, row = network.rows[index - 1], network.rows[index]
        if reach < index and _ends(before) and _begins(row, shapes[index]):
            yield index


def _last_reads(rows: tuple[Row, ...]) -> list[int]:
    """For each row the last one that reads a label of it; 0 for none."""
    owners = {name: index for index, row in enumerate(rows) for name, _ in row.labels}
    last = [0] * len(rows)
    for index, row in enumerate(rows):
        for source in row.sources:
            if source in owners:
                last[owners[source]] = index
    return last


def _ends(row: Row) -> bool:
    """Whether a row ends in a dense convolution, or adds to one."""
    return row.operator in ("bneck", "add") or (row.operator == "conv2d" and not row.squeeze)


def _begins(row: Row, shape: Shape) -> bool:
    """Whether a row begins with a dense convolution, of the row before alone."""
    if row.sources:
        return False
    return row.operator == "conv2d" or (row.operator == "bneck" and row.expansion > shape[2])

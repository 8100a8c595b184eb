"""A network cut where no kernel reaches across: pieces are planned once, whatever they stand in.

A generator computes kernels of one bneck together, of the stem with the first one, or of the last
convolution with the pool. So the table may be cut after a linear projection, unless what comes next
begins with a depthwise convolution or joins tensors, or reads a label from before the cut.
`tests/measure` compares pieces' plans with those of whole networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.shapes import Shape, row_shapes

NAME = "piece"


def pieces_of(network: Network) -> Iterator[Network]:
    """The pieces in order, as networks of their own."""
    shapes = [shape for shape, _ in row_shapes(network)]
    places = [0, *_cuts(network, shapes), len(network.rows)]
    for start, stop in pairwise(places):
        height, width, channels = shapes[start]
        yield replace(
            network,
            name=NAME,
            height=height,
            width=width,
            channels=channels,
            rows=tuple(_plain(row) for row in network.rows[start:stop]),
            outputs=(),
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
    """Whether a row ends in a linear projection."""
    return row.operator == "bneck" or (
        row.operator == "conv2d" and row.nonlinearity == "" and not row.squeeze
    )


def _begins(row: Row, shape: Shape) -> bool:
    """Whether a row begins with a dense convolution, of the row before alone."""
    if row.sources:
        return False
    return row.operator == "conv2d" or (row.operator == "bneck" and row.expansion > shape[2])


def _plain(row: Row) -> Row:
    """Without where it stood, which does not count but would be written to files."""
    return replace(row, line=0, written="")

"""The shapes between the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnv3gen.tables.network import Network, Row

Shape = tuple[int, int, int]
"""Height, width and channels of an activation (NHWC, batch 1)."""


def row_shapes(network: Network) -> tuple[tuple[Shape, Shape], ...]:
    """Return the input and output shape of every row, in order."""
    shapes = []
    shape = (network.height, network.width, network.channels)
    for row in network.rows:
        shapes.append((shape, output_shape(row, shape)))
        shape = shapes[-1][1]
    return tuple(shapes)


def output_shape(row: Row, shape: Shape) -> Shape:
    """Return what a row makes of an input of that shape.

    ceil(side / stride) holds for both paddings, since kernels are odd and strides 1 or 2.
    """
    height, width, channels = shape
    if row.operator == "pool":
        return 1, 1, channels
    return -(-height // row.stride), -(-width // row.stride), row.out

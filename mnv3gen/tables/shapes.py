"""The shapes of the tensors between the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnv3gen.tables.network import Network, Row

Shape = tuple[int, int, int]
"""Height, width and channels of an activation (NHWC, batch 1)."""

ROW_BEFORE = ""
"""What `Row.sources` calls the result of the row before; for the first row, the network's input."""


def row_shapes(network: Network) -> tuple[tuple[Shape, Shape], ...]:
    """Return the shapes of every row's (first) source and of its output, in order."""
    return tuple((inputs[0], made[ROW_BEFORE]) for inputs, made in _walk(network))


def source_shapes(network: Network) -> tuple[tuple[Shape, ...], ...]:
    """Return the shapes of all sources of every row, in order."""
    return tuple(inputs for inputs, _ in _walk(network))


def label_shapes(network: Network) -> dict[str, Shape]:
    """Return the shape of every labelled tensor."""
    shapes: dict[str, Shape] = {}
    for _, made in _walk(network):
        shapes.update(made)
    del shapes[ROW_BEFORE]
    return shapes


def input_shape_of(network: Network) -> Shape:
    """Return the shape of the network's input."""
    return network.height, network.width, network.channels


def _walk(network: Network) -> Iterator[tuple[tuple[Shape, ...], dict[str, Shape]]]:
    """Yield the shapes of every row's sources, and of what it makes."""
    shapes: dict[str, Shape] = {ROW_BEFORE: input_shape_of(network)}
    for row in network.rows:
        inputs = inputs_of(row, shapes)
        made = results(row, inputs)
        yield inputs, made
        shapes.update(made)


def inputs_of(row: Row, shapes: Mapping[str, Shape]) -> tuple[Shape, ...]:
    """Look up the shapes of a row's sources."""
    return shapes_of(row.sources, shapes)


def shapes_of(sources: tuple[str, ...], shapes: Mapping[str, Shape]) -> tuple[Shape, ...]:
    """Look up the shapes of sources; () is the row before alone."""
    return tuple(shapes[source] for source in sources or (ROW_BEFORE,))


def results(row: Row, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
    """Return the shapes of a row's output, as `ROW_BEFORE`, and of all that its labels name."""
    output = output_shape(row, *inputs)
    parts = {
        "": output,
        "expand": (*inputs[0][:2], row.expansion),
        "depthwise": (*output[:2], row.expansion),
    }
    return {ROW_BEFORE: output} | {name: parts[part] for name, part in row.labels}


def output_shape(row: Row, shape: Shape, *others: Shape) -> Shape:
    """Return what a row makes of sources of these shapes.

    ceil(side / stride) holds for both paddings, since kernels are odd and strides 1 or 2.
    """
    height, width, channels = shape
    if row.operator in ("add", "gate"):
        return shape
    if row.operator == "concat":
        return height, width, channels + sum(other[2] for other in others)
    if row.operator == "resize":
        return (*others[0][:2], channels)
    if row.operator == "pool":
        return (*pooled_sides(row, height, width), channels)
    return -(-height // row.stride), -(-width // row.stride), row.out or channels


def pooled_sides(row: Row, height: int, width: int) -> tuple[int, int]:
    """Return height and width of what a pool makes (VALID padding, windows cut to the input)."""
    if row.window == (0, 0):
        return 1, 1
    rows = (height - min(row.window[0], height)) // row.strides[0] + 1
    columns = (width - min(row.window[1], width)) // row.strides[1] + 1
    return rows, columns

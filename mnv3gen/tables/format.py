"""From a `Network` back to the text of its table."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

from mnv3gen.errors import TableError
from mnv3gen.tables.cells import Cell
from mnv3gen.tables.network import Conventions, Network, Row
from mnv3gen.tables.operators import check_pool_window, read_operator
from mnv3gen.tables.rows import HEADING, TICK
from mnv3gen.tables.scaling import ticked_squeeze
from mnv3gen.tables.shapes import Shape, row_shapes

Style = Literal["bneck", "paper"]


def format_network(network: Network, style: Style = "bneck") -> str:
    """Print a table: style "bneck" with a header and aligned columns, for people and `load`.

    "paper" gives the rows alone, in the notation of tables 1 and 2, separated by tabs.
    """
    shapes = [shape for shape, _ in row_shapes(network)]
    input_cell = _paper_input if style == "paper" else _plain_input
    lines = [
        (input_cell(shape), *_cells(row, shape, network.conventions))
        for row, shape in zip(network.rows, shapes, strict=True)
    ]
    if style == "paper":
        return "".join("\t".join(line) + "\n" for line in (HEADING, *lines))
    return _header(network) + _aligned([HEADING, *lines])


def _header(network: Network) -> str:
    values: dict[str, object] = {
        "name": network.name,
        "input": f"{network.height}x{network.width}x{network.channels}",
        "classes": network.classes,
    }
    for each in fields(Conventions):
        values[each.name] = getattr(network.conventions, each.name)
    return "".join(f"{key}: {value}\n" for key, value in values.items()) + "\n"


def _aligned(lines: list[tuple[str, ...]]) -> str:
    """Columns two spaces apart: Input and Operator to the left, the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ""
    for line in lines:
        left = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        text += "  ".join(left + right) + "\n"
    return text


def _paper_input(shape: Shape) -> str:
    height, width, channels = shape
    if height == width:
        return rf"${height}^2 \times {channels}$"
    return rf"${height} \times {width} \times {channels}$"


def _plain_input(shape: Shape) -> str:
    height, width, channels = shape
    return f"{height}^2 x {channels}" if height == width else f"{height} x {width} x {channels}"


def _cells(row: Row, shape: Shape, conventions: Conventions) -> tuple[str, ...]:
    """Return the cells of a row after Input."""
    return (
        operator_cell(row, shape),
        str(row.expansion or "-"),
        _out(row),
        _squeeze(row, conventions),
        row.nonlinearity or "-",
        str(row.stride),
    )


def operator_cell(row: Row, shape: Shape) -> str:
    """Return the operator as it was written, as long as that still says what the row is."""
    return row.written if _still_true(row, shape) else _spelled(row, shape)


def _still_true(row: Row, shape: Shape) -> bool:
    if " ".join(row.written.split()) != row.written:
        return False
    try:
        written = read_operator(Cell(row.written))
        check_pool_window(written, shape)
    except TableError:
        return False
    return (written.name.text, written.kernel, written.batch_norm) == (
        row.operator,
        row.kernel,
        row.batch_norm,
    )


def _spelled(row: Row, shape: Shape) -> str:
    """Spell the operator as the paper does."""
    if row.operator == "pool":
        return f"pool, {shape[0]}x{shape[1]}"
    window = f"{row.kernel}x{row.kernel}"
    return f"{row.operator}, {window}" if row.batch_norm else f"{row.operator} {window}, NBN"


def _out(row: Row) -> str:
    if row.per_class:
        return "k" if row.per_class == 1 else f"{row.per_class}k"
    return str(row.out or "-")


def _squeeze(row: Row, conventions: Conventions) -> str:
    if row.squeeze and row.squeeze == ticked_squeeze(conventions, row.expansion or row.out):
        return TICK
    return str(row.squeeze or "-")

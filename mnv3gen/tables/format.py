"""From a `Network` back to the text of its table."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

from mnv3gen.errors import TableError
from mnv3gen.tables.cells import Cell
from mnv3gen.tables.channels import ticked_squeeze
from mnv3gen.tables.network import Conventions, Network, Row
from mnv3gen.tables.operators import check_pool_window, read_operator
from mnv3gen.tables.references import format_labels, format_sources
from mnv3gen.tables.row_checks import KERNELS
from mnv3gen.tables.rows import HEADING, TICK
from mnv3gen.tables.shapes import Shape, row_shapes

LEFT = ("Input", "From", "Operator", "As")
"""The columns of text, which are aligned to the left."""

Style = Literal["bneck", "paper"]


def format_network(network: Network, style: Style = "bneck") -> str:
    """Print a table: style "bneck" with a header and aligned columns, for people and `load`.

    "paper" gives the rows alone, in the notation of tables 1 and 2, separated by tabs (and above
    them the outputs, where they are not the last row).
    """
    shapes = [shape for shape, _ in row_shapes(network)]
    input_cell = _paper_input if style == "paper" else _plain_input
    columns = _columns(network)
    lines = [columns]
    for row, shape in zip(network.rows, shapes, strict=True):
        cells = {"Input": input_cell(shape), **_cells(row, shape, network.conventions)}
        lines.append(tuple(cells[column] for column in columns))
    if style == "paper":
        return _outputs(network) + "".join("\t".join(line) + "\n" for line in lines)
    return _header(network) + _aligned(lines)


def _columns(network: Network) -> tuple[str, ...]:
    unused = {"From"} if not any(row.sources for row in network.rows) else set()
    unused |= {"As"} if not any(row.labels for row in network.rows) else set()
    return tuple(column for column in HEADING if column not in unused)


def _outputs(network: Network) -> str:
    return f"outputs: {', '.join(network.outputs)}\n" if network.outputs else ""


def _header(network: Network) -> str:
    values: dict[str, object] = {
        "name": network.name,
        "input": f"{network.height}x{network.width}x{network.channels}",
        "classes": network.classes,
    }
    resizes = any(row.operator == "resize" for row in network.rows)
    unsaid = {"hswish", "gate"} if resizes else {"hswish", "gate", "resize"}
    for each in fields(Conventions):
        value = getattr(network.conventions, each.name)
        if each.name not in unsaid or value != each.default:
            values[each.name] = value
    lines = "".join(f"{key}: {value}\n" for key, value in values.items())
    return lines + _outputs(network) + "\n"


def _aligned(lines: list[tuple[str, ...]]) -> str:
    """Columns two spaces apart: those of text to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ""
    for line in lines:
        cells = [
            cell.ljust(width) if column in LEFT else cell.rjust(width)
            for column, cell, width in zip(lines[0], line, widths, strict=True)
        ]
        text += "  ".join(cells).rstrip() + "\n"
    return text


def _paper_input(shape: Shape) -> str:
    height, width, channels = shape
    if height == width:
        return rf"${height}^2 \times {channels}$"
    return rf"${height} \times {width} \times {channels}$"


def _plain_input(shape: Shape) -> str:
    height, width, channels = shape
    return f"{height}^2 x {channels}" if height == width else f"{height} x {width} x {channels}"


def _cells(row: Row, shape: Shape, conventions: Conventions) -> dict[str, str]:
    """Return the cells of a row after Input, by their columns."""
    return {
        "From": format_sources(row),
        "Operator": operator_cell(row, shape),
        "exp size": str(row.expansion or "-"),
        "#out": _out(row),
        "SE": _squeeze(row, shape[2], conventions),
        "NL": row.nonlinearity or "-",
        "s": str(row.stride),
        "As": format_labels(row),
    }


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
    kernel = (written.name.text, written.kernel, written.dilation, written.batch_norm)
    pooling = (written.window, written.strides)
    return (kernel, pooling) == (
        (row.operator, row.kernel, row.dilation, row.batch_norm),
        (row.window, row.strides),
    )


def _spelled(row: Row, shape: Shape) -> str:
    """Spell the operator as the paper does."""
    if row.operator == "pool" and row.strides == (0, 0):
        return f"pool, {_by(shape)}"
    if row.operator == "pool":
        return f"pool, {_by(row.window)}/{_by(row.strides)}"
    if row.operator not in KERNELS:
        return row.operator
    window = _by((row.kernel, row.kernel))
    dilation = f", d{row.dilation}" if row.dilation > 1 else ""
    if row.batch_norm:
        return f"{row.operator}, {window}{dilation}"
    return f"{row.operator} {window}{dilation}, NBN"


def _by(sides: tuple[int, ...]) -> str:
    return f"{sides[0]}x{sides[1]}"


def _out(row: Row) -> str:
    if row.per_class:
        return "k" if row.per_class == 1 else f"{row.per_class}k"
    return str(row.out or "-")


def _squeeze(row: Row, channels: int, conventions: Conventions) -> str:
    width = row.expansion or row.out
    if row.squeeze and row.squeeze == ticked_squeeze(conventions, width, channels):
        return TICK
    return str(row.squeeze or "-")

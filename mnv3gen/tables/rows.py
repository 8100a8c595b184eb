"""The heading and the rows of a table."""

from __future__ import annotations

from collections.abc import Mapping

from mnv3gen.tables.cells import Cell, input_shape, integer, split
from mnv3gen.tables.channels import ticked_squeeze
from mnv3gen.tables.checks import check_shape
from mnv3gen.tables.header import Header, is_header
from mnv3gen.tables.label_checks import check_labels, check_sources
from mnv3gen.tables.network import Row
from mnv3gen.tables.operators import Operator, check_pool_window, read_operator
from mnv3gen.tables.references import items, read_labels, read_sources
from mnv3gen.tables.row_checks import NONLINEARITIES, check_row
from mnv3gen.tables.shapes import Shape, shapes_of
from mnv3gen.tables.source_checks import shown
from mnv3gen.tables.values import MAX_CHANNELS, Spot, Where

HEADING = ("Input", "From", "Operator", "exp size", "#out", "SE", "NL", "s", "As")
REQUIRED = ("Operator", "exp size", "#out", "SE", "NL", "s")
OPTIONAL = {"Input", "From", "As"}
SHORT = {"exp size": "exp"}  # what a heading may say instead
TICK = "✓"

Columns = tuple[str, ...] | None
"""The headings of a row's cells; None without a heading, where only Input may be added."""


def read_heading(lines: list[Cell]) -> tuple[Columns, list[Cell]]:
    """Return the columns by the heading, if the first line is one, and the lines after it."""
    cells = split(lines[0]) if lines else []
    given = [cell.text.lower() for cell in cells]
    if not given or given[0] not in ("input", "from", "operator"):
        return None, lines
    columns = tuple(each for each in HEADING if each not in OPTIONAL or each.lower() in given)
    for cell, column in zip(cells, columns, strict=False):
        if cell.text.lower() not in (column.lower(), SHORT.get(column)):
            raise cell.error("unknown heading", column, (column,))
    if len(cells) != len(columns):
        raise lines[0].error("incomplete heading", "  ".join(columns))
    return columns, lines[1:]


def first_shape(line: Cell, columns: Columns) -> Shape:
    """Return the network's input by its first row, for a table without an `input` key."""
    cells = _row_cells(line, columns)
    if "Input" not in cells:
        raise line.error("no input size", "a header line `input: 224x224x3` or an Input column")
    cell = cells["Input"]
    shape = input_shape(cell)
    check_shape(shape, (cell.place, cell.shown))
    return shape


def _row_cells(line: Cell, columns: Columns) -> dict[str, Cell]:
    if is_header(line):
        raise line.part(0, len(line.text)).error("a header line among the rows", "it above them")
    cells = split(line)
    names = columns or (("Input", *REQUIRED) if len(cells) > len(REQUIRED) else REQUIRED)
    if len(cells) != len(names):
        wanted = str(len(names)) if columns else "6 or 7"
        found = f"{len(cells)} cells"
        expected = f"{wanted} cells, divided by tabs, | or two spaces: {', '.join(names)}"
        raise Cell(found, line.source, line.line).error("wrong number of cells", expected)
    return dict(zip(names, cells, strict=True))


def read_row(line: Cell, columns: Columns, shapes: Mapping[str, Shape], header: Header) -> Row:
    """Read the row of a line; raises `TableError` at a wrong cell.

    ``shapes`` are those of the tensors that it may read: of `ROW_BEFORE` and the labels above.
    """
    cells = _row_cells(line, columns)
    operator = read_operator(cells["Operator"])
    where = _spots(cells, operator)
    sources = read_sources(cells["From"]) if "From" in cells else ()
    check_sources(sources, shapes, where)
    shape, *_ = inputs = shapes_of(sources, shapes)
    per_class, out = _out(cells["#out"], header.classes)
    expansion = _optional(cells["exp size"])
    row = Row(
        operator=operator.name.text,
        kernel=operator.kernel,
        expansion=expansion,
        out=out,
        squeeze=_squeeze(cells["SE"], expansion or out, shape[2], header),
        nonlinearity=_nonlinearity(cells["NL"]),
        stride=integer(cells["s"], "1 or 2"),
        batch_norm=operator.batch_norm,
        per_class=per_class,
        dilation=operator.dilation,
        window=operator.window,
        strides=operator.strides,
        sources=sources,
        labels=read_labels(cells["As"]) if "As" in cells else (),
        line=line.line,
        written=" ".join(cells["Operator"].text.split()),
    )
    check_row(row, inputs, header.classes, where)
    check_labels(row, shape[2], shapes, where)
    _check_input(cells, shape)
    check_pool_window(operator, shape)
    return row


def _optional(cell: Cell) -> int:
    return 0 if cell.text == "-" else integer(cell, f"1 to {MAX_CHANNELS}, or -")


def _out(cell: Cell, classes: int) -> tuple[int, int]:
    """Read the factor before ``k``, and the channels."""
    if not cell.text.endswith("k"):
        return 0, _optional(cell)
    factor = cell.part(0, len(cell.text) - 1)
    expected = "channels, or k, the number of classes, or 6k, six times that"
    per_class = integer(factor, expected) if factor.text else 1
    return per_class, per_class * classes


def _squeeze(cell: Cell, width: int, channels: int, header: Header) -> int:
    if cell.text == TICK:
        return ticked_squeeze(header.conventions, width, channels)
    return 0 if cell.text == "-" else integer(cell, f"{TICK}, - or a squeeze width")


def _nonlinearity(cell: Cell) -> str:
    """Read the nonlinearity as written, "" for "-"; `check_row` knows the valid ones."""
    if not cell.text:
        raise cell.error("unknown nonlinearity", ", ".join(filter(None, NONLINEARITIES)) + ", -")
    return "" if cell.text == "-" else cell.text


def _spots(cells: dict[str, Cell], operator: Operator) -> Where:
    spots = {
        "operator": operator.name,
        "kernel": operator.window_cell,
        "window": operator.window_cell,
        "strides": operator.window_cell,
        "dilation": operator.dilation_cell,
        "batch_norm": operator.flag_cell,
        "expansion": cells["exp size"],
        "out": cells["#out"],
        "squeeze": cells["SE"],
        "nonlinearity": cells["NL"],
        "stride": cells["s"],
        "sources": cells.get("From", operator.name),
        "labels": cells.get("As", operator.name),
    }

    def where(field: str, item: int | None = None) -> Spot:
        cell = spots[field] if item is None else items(spots[field])[item]
        return cell.place, cell.shown

    return where


def _check_input(cells: dict[str, Cell], shape: Shape) -> None:
    if "Input" in cells and input_shape(cells["Input"]) != shape:
        expected = f"{shown(shape)}, by the rows above"
        raise cells["Input"].error("an input that does not follow", expected)

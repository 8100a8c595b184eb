"""The heading and the rows of a table."""

from __future__ import annotations

from collections.abc import Callable

from mnv3gen.tables.cells import Cell, input_shape, integer, split
from mnv3gen.tables.checks import MAX_CHANNELS, NONLINEARITIES, Spot, check_row, check_shape
from mnv3gen.tables.header import Header, is_header
from mnv3gen.tables.network import Row
from mnv3gen.tables.operators import Operator, check_pool_window, read_operator
from mnv3gen.tables.scaling import ticked_squeeze
from mnv3gen.tables.shapes import Shape

HEADING = ("Input", "Operator", "exp size", "#out", "SE", "NL", "s")
TICK = "✓"

Columns = tuple[str, ...] | None
"""The headings of the cells of a row; None where no heading says whether Input is among them."""


def read_heading(lines: list[Cell]) -> tuple[Columns, list[Cell]]:
    """Return the columns by the heading, if the first line is one, and the lines after it."""
    cells = split(lines[0]) if lines else []
    if not cells or cells[0].text.lower() not in ("input", "operator"):
        return None, lines
    columns = HEADING if cells[0].text.lower() == "input" else HEADING[1:]
    for cell, column in zip(cells, columns, strict=False):
        if cell.text.lower() != column.lower():
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
    names = columns or (HEADING if len(cells) == len(HEADING) else HEADING[1:])
    if len(cells) != len(names):
        wanted = str(len(names)) if columns else "6 or 7"
        found = f"{len(cells)} cells"
        expected = f"{wanted} cells, divided by tabs, | or two spaces: {', '.join(names)}"
        raise Cell(found, line.source, line.line).error("wrong number of cells", expected)
    return dict(zip(names, cells, strict=True))


def read_row(line: Cell, columns: Columns, shape: Shape, header: Header) -> Row:
    """Read the row of a line with an input of that shape; raises `TableError` at a wrong cell."""
    cells = _row_cells(line, columns)
    operator = read_operator(cells["Operator"])
    per_class, out = _out(cells["#out"], header.classes)
    expansion = _optional(cells["exp size"])
    row = Row(
        operator=operator.name.text,
        kernel=operator.kernel,
        expansion=expansion,
        out=out,
        squeeze=_squeeze(cells["SE"], expansion or out, header),
        nonlinearity=_nonlinearity(cells["NL"]),
        stride=integer(cells["s"], "1 or 2"),
        batch_norm=operator.batch_norm,
        per_class=per_class,
        line=line.line,
        written=" ".join(cells["Operator"].text.split()),
    )
    check_row(row, shape[2], header.classes, _spots(cells, operator))
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


def _squeeze(cell: Cell, width: int, header: Header) -> int:
    if cell.text == TICK:
        return ticked_squeeze(header.conventions, width)
    return 0 if cell.text == "-" else integer(cell, f"{TICK}, - or a squeeze width")


def _nonlinearity(cell: Cell) -> str:
    """Read the nonlinearity as written, "" for "-"; `check_row` knows the valid ones."""
    if not cell.text:
        raise cell.error("unknown nonlinearity", ", ".join(filter(None, NONLINEARITIES)) + ", -")
    return "" if cell.text == "-" else cell.text


def _spots(cells: dict[str, Cell], operator: Operator) -> Callable[[str], Spot]:
    spots = {
        "operator": operator.name,
        "kernel": operator.window_cell,
        "batch_norm": operator.flag_cell,
        "expansion": cells["exp size"],
        "out": cells["#out"],
        "squeeze": cells["SE"],
        "nonlinearity": cells["NL"],
        "stride": cells["s"],
    }
    return lambda field: (spots[field].place, spots[field].shown)


def _check_input(cells: dict[str, Cell], shape: Shape) -> None:
    if "Input" in cells and input_shape(cells["Input"]) != shape:
        height, width, channels = shape
        expected = f"{height}x{width}x{channels}, by the rows above"
        raise cells["Input"].error("an input that does not follow", expected)

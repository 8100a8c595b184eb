"""From a table's text to a `Network`. Any text parses or raises `TableError`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from mnv3gen.errors import TableError
from mnv3gen.tables.cells import MAX_TEXT, Cell, lines, split
from mnv3gen.tables.header import Header, is_header, read_header
from mnv3gen.tables.label_checks import check_all_read, check_outputs
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.rows import Columns, first_shape, read_heading, read_row
from mnv3gen.tables.shapes import ROW_BEFORE, Shape, inputs_of, results
from mnv3gen.tables.values import MAX_ROWS, Spot


def parse(text: str, source: str = "<text>", name: str | None = None) -> Network:
    """Parse a table's text.

    ``source`` is what errors call the text; ``name`` the network's name unless a header gives one.
    Raises `TableError` with file, line and column at the first thing that cannot be read.
    """
    said = list(lines(text, source))
    head = list(takewhile(is_header, said))
    header = read_header(head)
    columns, body = read_heading(said[len(head) :])
    if not body:
        expected = "rows of Operator, exp size, #out, SE, NL, s"
        raise TableError("no table", place=source, found="no rows", expected=expected)
    if len(body) > MAX_ROWS:
        raise body[MAX_ROWS].error("too many rows", f"at most {MAX_ROWS}")
    shape = header.shape or first_shape(body[0], columns)
    rows = tuple(_rows(body, columns, shape, header))
    return Network(
        header.name or name or "network",
        *shape,
        header.classes,
        rows,
        header.conventions,
        _outputs(header, rows, body),
    )


def _rows(body: list[Cell], columns: Columns, shape: Shape, header: Header) -> Iterator[Row]:
    shapes = {ROW_BEFORE: shape}
    for line in body:
        row = read_row(line, columns, shapes, header)
        yield row
        shapes.update(results(row, inputs_of(row, shapes)))


def _outputs(header: Header, rows: tuple[Row, ...], body: list[Cell]) -> tuple[str, ...]:
    """Check the outputs, and that somebody reads every row, with the places of the text."""
    outputs = tuple(cell.text for cell in header.outputs)

    def output_spot(item: int) -> Spot:
        return header.outputs[item].place, header.outputs[item].shown

    def row_spot(index: int) -> Spot:
        return split(body[index])[0].place, rows[index].written

    check_outputs(rows, outputs, output_spot)
    check_all_read(rows, outputs, row_spot)
    return outputs


def load(path: str | Path) -> Network:
    """Load a `.bneck` file; the network is named after it unless the header gives a name.

    Raises `TableError` for a file that cannot be read, and as `parse` does.
    """
    return parse(_read(Path(path)), str(path), name_of(Path(path).stem))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            # A character takes at most four bytes; parse() finds what is still too long.
            return file.read(4 * MAX_TEXT + 4).decode()
    except (OSError, ValueError) as error:
        expected = "a readable text file in UTF-8"
        raise TableError("cannot read", place=str(path), found=error, expected=expected) from error


def name_of(stem: str) -> str:
    """Return a network name for a file's stem: `MobileNet-V3 (1)` becomes `mobilenet_v3_1`."""
    name = re.sub("[^a-z0-9]+", "_", stem.lower()).strip("_")[:60] or "network"
    return name if name[0].isalpha() else f"n_{name}"

"""The cells From and As and the header's outputs: whatever names tensors by their labels."""

from __future__ import annotations

import re

from mnv3gen.tables.cells import Cell
from mnv3gen.tables.label_checks import PARTS
from mnv3gen.tables.network import Row
from mnv3gen.tables.shapes import ROW_BEFORE

NOTHING = "-"
"""In From the row before, in As no label."""


def items(cell: Cell) -> list[Cell]:
    """Return the parts of a cell between its commas, which may be empty."""
    return [cell.part(*match.span(1)) for match in re.finditer("(?:^|,)([^,]*)", cell.text)]


def read_sources(cell: Cell) -> tuple[str, ...]:
    """Read a From cell into `Row.sources`; `check_sources` knows the valid labels."""
    if cell.text == NOTHING:
        return ()
    return tuple(ROW_BEFORE if each.text == NOTHING else _said(each) for each in items(cell))


def read_labels(cell: Cell) -> tuple[tuple[str, str], ...]:
    """Read an As cell into `Row.labels`; `check_labels` knows the valid ones."""
    return () if cell.text == NOTHING else tuple(map(_label, items(cell)))


def _label(cell: Cell) -> tuple[str, str]:
    name, sign, part = _said(cell).partition("=")
    if sign and not part:
        raise cell.error("a label without its part", " or ".join(f"{name}={p}" for p in PARTS if p))
    return name, part


def _said(cell: Cell) -> str:
    if not cell.text:
        raise cell.error("no label", f"labels divided by commas, or {NOTHING}")
    return cell.text


def format_sources(row: Row) -> str:
    """Write a From cell."""
    return ", ".join(source or NOTHING for source in row.sources) or NOTHING


def format_labels(row: Row) -> str:
    """Write an As cell."""
    return ", ".join(f"{name}={part}" if part else name for name, part in row.labels) or NOTHING

"""The header of a table: `key: value` lines before its rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from mnv3gen.tables import checks
from mnv3gen.tables.cells import Cell, input_shape, integer
from mnv3gen.tables.network import Conventions
from mnv3gen.tables.shapes import Shape
from mnv3gen.tables.values import MAX_CLASSES

CONVENTION_KEYS = tuple(each.name for each in fields(Conventions))
KEYS = ("name", "input", "classes", "outputs", *CONVENTION_KEYS)
CLASSES = 1000  # ImageNet, for a table that does not say

_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{0,30})?(e-?[0-9]{1,3})?")


@dataclass(frozen=True)
class Header:
    """What the header says; a name or shape that it leaves out is None."""

    name: str | None
    shape: Shape | None
    classes: int
    conventions: Conventions
    outputs: tuple[Cell, ...]


def is_header(line: Cell) -> bool:
    """Whether a line is a header line: no row or heading has a colon."""
    return ":" in line.text


def read_header(lines: list[Cell]) -> Header:
    """Read the header lines; raises `TableError` for unknown or repeated keys and bad values."""
    values: dict[str, Cell] = {}
    for line in lines:
        key, value = _key_and_value(line)
        if key.text in values:
            first = values[key.text].line
            raise key.error("repeated header key", f"{key.text} once; it stands on line {first}")
        values[key.text] = value
    conventions: dict[str, Any] = {
        key: _convention(key, values[key]) for key in CONVENTION_KEYS if key in values
    }
    return Header(
        _name(values),
        _shape(values),
        _classes(values),
        Conventions(**conventions),
        _outputs(values),
    )


def _key_and_value(line: Cell) -> tuple[Cell, Cell]:
    colon = line.text.index(":")
    key, value = line.part(0, colon), line.part(colon + 1, len(line.text))
    if key.text not in KEYS:
        raise key.error("unknown header key", ", ".join(KEYS), KEYS)
    return key, value


def _name(values: dict[str, Cell]) -> str | None:
    if "name" not in values:
        return None
    cell = values["name"]
    checks.check_name(cell.text, (cell.place, cell.shown))
    return cell.text


def _shape(values: dict[str, Cell]) -> Shape | None:
    if "input" not in values:
        return None
    shape = input_shape(values["input"])
    checks.check_shape(shape, (values["input"].place, values["input"].shown))
    return shape


def _classes(values: dict[str, Cell]) -> int:
    if "classes" not in values:
        return CLASSES
    cell = values["classes"]
    classes = integer(cell, f"1 to {MAX_CLASSES}")
    checks.check_classes(classes, (cell.place, cell.shown))
    return classes


def _outputs(values: dict[str, Cell]) -> tuple[Cell, ...]:
    if "outputs" not in values:
        return ()
    cell = values["outputs"]
    labels = tuple(cell.part(*match.span()) for match in re.finditer(r"[^ \t,]+", cell.text))
    if not labels:
        raise cell.error("no outputs", "labels of rows, divided by commas or spaces")
    return labels


def _convention(key: str, cell: Cell) -> str | float:
    value: str | float = cell.text
    if key == "bn_eps" and _DECIMAL.fullmatch(cell.text):
        value = float(cell.text)
    checks.check_convention(key, value, (cell.place, cell.shown))
    return value

"""Width, resolution and class rules: each makes a new network of a network."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from mnv3gen.errors import InputError
from mnv3gen.tables.channels import make_divisible, ticked_squeeze
from mnv3gen.tables.network import Conventions, Network, Row
from mnv3gen.tables.shapes import ROW_BEFORE, Shape, inputs_of, results
from mnv3gen.tables.width_rules import WIDTH_RULES, Position, Widths, parts

MAX_WIDTH = 8
Width = str | int | float | Fraction
"""A width multiplier; a float counts as the decimal text that Python prints for it."""


def read_width(width: Width) -> Fraction:
    """Read a width multiplier exactly; raises `InputError` unless it is above 0 and at most 8."""
    text = str(width)
    exact = Fraction(width) if isinstance(width, int | Fraction) else None
    if exact is None and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,30})?|\.[0-9]{1,30}", text):
        exact = Fraction(text)
    if exact is None or not 0 < exact <= MAX_WIDTH:
        expected = f"a decimal number above 0 and at most {MAX_WIDTH}, such as 0.75"
        raise InputError(
            "not a width multiplier", place="width", found=text[:60], expected=expected
        )
    return exact


def scaled(network: Network, width: Width) -> Network:
    """Scale a network to a width multiplier, by its own ``width_rule``; 1 leaves it as it is.

    The rules stand in `width_rules`. Classifiers (``k``) are never scaled, and an expansion never
    falls below its input. Of what follows a row labelled C5, only a detector's further feature
    layers are scaled.

    Raises `InputError` for an impossible multiplier, `TableError` when a width passes its limit.
    """
    multiplier = read_width(width)
    if multiplier == 1:
        return network
    rows: list[Row] = []
    nominal: dict[str, Shape] = {ROW_BEFORE: (network.height, network.width, network.channels)}
    actual = dict(nominal)
    for row, part in zip(network.rows, parts(network.rows), strict=True):
        before, after = inputs_of(row, nominal), inputs_of(row, actual)
        at = Position(multiplier, before[0][2], after[0][2], part)
        rows.append(_scaled_row(row, at, network.conventions))
        nominal |= results(row, before)
        actual |= results(rows[-1], after)
    return replace(network, rows=tuple(rows))


def resized(network: Network, height: int, width: int) -> Network:
    """Give the network another input size, in pixels; raises `TableError` outside 1 to 8192."""
    return replace(network, height=height, width=width)


def with_classes(network: Network, classes: int) -> Network:
    """Give the network other classes: rows that say ``k`` follow, integer widths stay.

    Raises `TableError` for a number of classes out of range.
    """
    rows = tuple(
        replace(row, out=row.per_class * classes) if row.per_class else row for row in network.rows
    )
    return replace(network, classes=classes, rows=rows)


def _scaled_row(row: Row, at: Position, conventions: Conventions) -> Row:
    if at.part == "head" or row.per_class or not row.out:
        return row
    if at.part == "further":
        return replace(row, out=at.truncated(row.out))
    expansion, out = WIDTH_RULES[conventions.width_rule](row, at)
    if row.operator == "bneck":
        expansion = max(at.actual, expansion)
    return with_widths(row, at, (expansion, out), conventions)


def with_widths(row: Row, at: Position, widths: Widths, conventions: Conventions) -> Row:
    """Give a row other widths: a ticked squeeze follows its rule, another the multiplier."""
    expansion, out = widths
    squeeze = row.squeeze
    if squeeze and squeeze == ticked_squeeze(conventions, row.expansion or row.out, at.nominal):
        squeeze = ticked_squeeze(conventions, expansion or out, at.actual)
    elif squeeze:
        squeeze = make_divisible(squeeze * at.multiplier)
    return replace(row, expansion=expansion, out=out, squeeze=squeeze)

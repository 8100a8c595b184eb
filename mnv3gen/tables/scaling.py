"""Width, resolution and class rules: each makes a new network of a network."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from mnv3gen.errors import InputError
from mnv3gen.tables.network import Conventions, Network, Row

MAX_WIDTH = 8

Width = str | int | float | Fraction
"""A width multiplier; a float counts as the decimal text that Python prints for it."""


def make_divisible(value: Fraction | int, divisor: int = 8) -> int:
    """Round to the nearest multiple of ``divisor``, but never below 90% of ``value``.

    Halves go up; the least result is ``divisor``. This is `_make_divisible` of the authors' slim
    code (d = 8), in exact arithmetic.
    """
    rounded = max(divisor, int(value + Fraction(divisor, 2)) // divisor * divisor)
    return rounded + divisor if 10 * rounded < 9 * value else rounded


SQUEEZE_RULES: dict[str, Callable[[int], int]] = {
    "expansion/4": lambda width: make_divisible(Fraction(width, 4)),
}


def ticked_squeeze(conventions: Conventions, width: int) -> int:
    """Return the squeeze width that a tick in the SE column means.

    ``width`` is what squeeze-and-excite works on: a bneck's expansion, a conv2d's output channels.
    """
    return SQUEEZE_RULES[conventions.squeeze](width)


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

    "paper" scales the stem, every bneck's output and the convolutions before the pool; an expansion
    keeps its ratio to the actual input, and what follows the pool keeps its width. This is what the
    0.75 rows of table 3 need. "torchvision" scales expansions by themselves and the features after
    the pool too; the last convolution before the pool keeps its ratio to its input. Classifiers
    (``k``) are never scaled.

    Raises `InputError` for an impossible multiplier, `TableError` when a width passes its limit.
    """
    multiplier = read_width(width)
    if multiplier == 1:
        return network
    pool, last = _pool_index(network.rows), _last_before_pool(network.rows)
    rows: list[Row] = []
    nominal = actual = network.channels
    for index, row in enumerate(network.rows):
        at = _Position(multiplier, nominal, actual, index > pool, index == last)
        rows.append(_scaled_row(row, at, network.conventions))
        nominal, actual = row.out or nominal, rows[-1].out or actual
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


@dataclass(frozen=True)
class _Position:
    """A row's place while scaling: the multiplier, and its input's width before and after."""

    multiplier: Fraction
    nominal: int
    actual: int
    after_pool: bool
    last_before_pool: bool

    def ratio_kept(self, width: int) -> int:
        """Return the width that is to the actual input as ``width`` was to the nominal one."""
        if width == self.nominal:
            return self.actual
        return make_divisible(Fraction(self.actual * width, self.nominal))


def _scaled_row(row: Row, at: _Position, conventions: Conventions) -> Row:
    if row.operator == "pool" or row.per_class:
        return row
    expansion, out = _RULES[conventions.width_rule](row, at)
    if row.operator == "bneck":
        expansion = max(at.actual, expansion)
    squeeze = row.squeeze
    if squeeze and squeeze == ticked_squeeze(conventions, row.expansion or row.out):
        squeeze = ticked_squeeze(conventions, expansion or out)
    elif squeeze:
        squeeze = make_divisible(squeeze * at.multiplier)
    return replace(row, expansion=expansion, out=out, squeeze=squeeze)


def _paper_widths(row: Row, at: _Position) -> tuple[int, int]:
    """Expansion and output channels by the rule that gives table 3's 0.75 rows."""
    if row.operator == "bneck":
        return at.ratio_kept(row.expansion), make_divisible(row.out * at.multiplier)
    return 0, row.out if at.after_pool else make_divisible(row.out * at.multiplier)


def _torchvision_widths(row: Row, at: _Position) -> tuple[int, int]:
    """Expansion and output channels as torchvision's `mobilenetv3.py` builds them."""
    out = make_divisible(row.out * at.multiplier)
    if row.operator == "bneck":
        return make_divisible(row.expansion * at.multiplier), out
    return 0, at.ratio_kept(row.out) if at.last_before_pool else out


_RULES = {"paper": _paper_widths, "torchvision": _torchvision_widths}


def _pool_index(rows: tuple[Row, ...]) -> int:
    """Return the first pool, or the number of rows when there is none."""
    return next((i for i, row in enumerate(rows) if row.operator == "pool"), len(rows))


def _last_before_pool(rows: tuple[Row, ...]) -> int:
    """Return the last convolution before the pool that is not the stem; -1 when there is none."""
    before = rows[: _pool_index(rows)]
    return max((i for i, row in enumerate(before) if i and row.operator == "conv2d"), default=-1)

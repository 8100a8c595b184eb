"""What makes a row valid by itself, given the shapes that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mnv3gen.tables.shapes import Shape
from mnv3gen.tables.source_checks import check_source_shapes
from mnv3gen.tables.values import (
    MAX_CHANNELS,
    MAX_CLASSES,
    MAX_DILATION,
    MAX_KERNEL,
    MAX_SIDE,
    Where,
    need,
    one_of,
    within,
)

if TYPE_CHECKING:
    from mnv3gen.tables.network import Row

OPERATORS = ("conv2d", "bneck", "dw", "pool", "add", "concat", "gate", "resize")
KERNELS = {"conv2d": 1, "bneck": 3, "dw": 3}
"""The operators that have a kernel, each with its smallest."""
NONLINEARITIES = ("RE", "R6", "HS", "SG", "")


def check_row(row: Row, inputs: Sequence[Shape], classes: int, where: Where) -> None:
    """Check one row whose sources have these shapes; ``where`` tells where its fields stand.

    Raises `TableError` at the first fault. Labels are checked by `label_checks`.
    """
    one_of(row.operator, OPERATORS, "unknown operator", where("operator"))
    one_of(row.nonlinearity, NONLINEARITIES, "unknown nonlinearity", where("nonlinearity"))
    if row.operator in KERNELS:
        _check_kernel(row, where)
    else:
        _check_no_kernel(row, where)
    if row.operator in ("conv2d", "bneck"):
        _check_widths(row, inputs[0][2], classes, where)
    else:
        _check_no_widths(row, where)
    if row.operator != "conv2d":
        fits, choices = row.nonlinearity != "SG", "RE, R6, HS, -"
        need(fits, "only a conv2d ends in a sigmoid", where("nonlinearity"), choices)
        expected = f"{row.operator}, 3x3" if row.operator in KERNELS else row.operator
        need(row.batch_norm is True, "only a conv2d can be NBN", where("batch_norm"), expected)
    _check_pooling(row, where)
    check_source_shapes(row, inputs, where)


def _check_kernel(row: Row, where: Where) -> None:
    smallest = KERNELS[row.operator]
    fits = within(row.kernel, smallest, MAX_KERNEL) and row.kernel % 2 == 1
    sizes = ", ".join(f"{side}x{side}" for side in range(smallest, MAX_KERNEL + 1, 2))
    need(fits, "impossible kernel", where("kernel"), sizes)
    need(within(row.stride, 1, 2), "impossible stride", where("stride"), "1 or 2")
    fits = within(row.dilation, 1, MAX_DILATION)
    need(fits, "impossible dilation", where("dilation"), f"d1 to d{MAX_DILATION}")


def _check_no_kernel(row: Row, where: Where) -> None:
    operator = with_article(row.operator)
    need(row.kernel == 0, f"{operator} has no kernel", where("kernel"), "kernel 0")
    need(row.dilation == 1, f"{operator} has no dilation", where("dilation"), "no d2")
    need(row.nonlinearity == "", f"{operator} has no nonlinearity", where("nonlinearity"), "-")
    need(row.stride == 1, "impossible stride", where("stride"), f"1, for {operator}")


def _check_widths(row: Row, channels: int, classes: int, where: Where) -> None:
    _check_out(row, classes, where)
    squeeze = f"an integer up to {MAX_CHANNELS}, ✓ or -"
    need(within(row.squeeze, 0, MAX_CHANNELS), "squeeze out of range", where("squeeze"), squeeze)
    if row.operator == "conv2d":
        need(row.expansion == 0, "a conv2d has no expansion", where("expansion"), "-")
        return
    fits = within(row.expansion, channels, MAX_CHANNELS)
    expected = f"{channels} (the input's channels: no expansion) to {MAX_CHANNELS}"
    need(fits, "impossible expansion", where("expansion"), expected)
    need(row.per_class == 0, "only a conv2d counts classes", where("out"), "an integer")


def _check_out(row: Row, classes: int, where: Where) -> None:
    limit = MAX_CLASSES if row.per_class else MAX_CHANNELS
    fits = within(row.out, 1, limit) and within(row.per_class, 0, limit)
    need(fits, "output channels out of range", where("out"), f"1 to {limit}")
    fits = row.per_class == 0 or row.out == row.per_class * classes
    expected = f"{row.per_class} times {classes} classes"
    need(fits, "output channels and classes disagree", where("out"), expected)


def _check_no_widths(row: Row, where: Where) -> None:
    operator = with_article(row.operator)
    need(row.expansion == 0, f"{operator} has no expansion", where("expansion"), "-")
    problem = f"{operator} {'adds up' if row.operator == 'concat' else 'keeps'} its channels"
    need(row.out == row.per_class == 0, problem, where("out"), "-")
    need(row.squeeze == 0, f"{operator} has no squeeze-and-excite", where("squeeze"), "-")


def _check_pooling(row: Row, where: Where) -> None:
    pair = (row.window, row.strides)
    if pair == ((0, 0), (0, 0)):
        return
    need(row.operator == "pool", "only a pool has windows of its own", where("window"), "(0, 0)")
    for field, sides in zip(("window", "strides"), pair, strict=True):
        fits = isinstance(sides, tuple) and len(sides) == 2
        fits = fits and all(within(side, 1, MAX_SIDE) for side in sides)
        need(fits, f"impossible {field}", where(field), f"height and width, 1 to {MAX_SIDE}")


def with_article(operator: str) -> str:
    """Return "a pool", "an add"."""
    return f"an {operator}" if operator == "add" else f"a {operator}"

"""What makes a table valid. The parser and `Network` share these checks; only the places differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from mnv3gen.errors import TableError, nearest_names

if TYPE_CHECKING:
    from mnv3gen.tables.network import Conventions, Network, Row

MAX_CHANNELS = 65_536
MAX_SIDE = 8_192
MAX_CLASSES = 1_000_000
MAX_ROWS = 1_000
MAX_KERNEL = 11

OPERATORS = ("conv2d", "bneck", "pool")
NONLINEARITIES = ("RE", "R6", "HS", "")
CHOICES = {
    "padding": ("same", "symmetric"),
    "squeeze": ("expansion/4",),
    "width_rule": ("paper", "torchvision"),
    "preprocess": ("inception", "imagenet"),
}

Spot = tuple[str, object]
"""Where a value stands, and the value as it stands there."""

Where = Callable[[str], Spot]
"""The spot of a field of a row."""


def check_network(network: Network) -> None:
    """Check every field and that the rows fit together; raises `TableError` at the first fault."""
    name = network.name
    check_name(name, ("name", name))
    shape = (network.height, network.width, network.channels)
    check_shape(shape, (f"{name}, input", shape))
    check_classes(network.classes, (f"{name}, classes", network.classes))
    check_conventions(network.conventions, name)
    count = len(network.rows)
    _need(isinstance(network.rows, tuple), "rows not frozen", (name, network.rows), "a tuple")
    _need(1 <= count <= MAX_ROWS, "no table", (name, f"{count} rows"), f"1 to {MAX_ROWS} rows")
    channels = network.channels
    for number, row in enumerate(network.rows, 1):
        check_row(row, channels, network.classes, _row_spots(name, number, row))
        channels = row.out or channels


def check_name(name: object, spot: Spot) -> None:
    """Check that a network's name can serve as a C symbol prefix and as a file name."""
    fits = isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]{0,63}", name)
    _need(fits, "not a network name", spot, "lower-case letters, digits and _, a letter first")


def check_shape(shape: Sequence[object], spot: Spot) -> None:
    """Check an input of height, width and channels."""
    height, width, channels = shape
    fits = _within(height, 1, MAX_SIDE) and _within(width, 1, MAX_SIDE)
    fits = fits and _within(channels, 1, MAX_CHANNELS)
    limits = f"sides of 1 to {MAX_SIDE} and 1 to {MAX_CHANNELS} channels"
    _need(fits, "input out of range", spot, limits)


def check_classes(classes: object, spot: Spot) -> None:
    """Check the number of classes."""
    fits = _within(classes, 1, MAX_CLASSES)
    _need(fits, "number of classes out of range", spot, f"1 to {MAX_CLASSES}")


def check_conventions(conventions: Conventions, name: str) -> None:
    """Check every convention of the network of that name."""
    for each in fields(conventions):
        value = getattr(conventions, each.name)
        check_convention(each.name, value, (f"{name}, {each.name}", value))


def check_convention(key: str, value: object, spot: Spot) -> None:
    """Check one convention."""
    if key == "bn_eps":
        fits = isinstance(value, float) and 0 < value < 1
        _need(fits, "bn_eps out of range", spot, "a number between 0 and 1, such as 0.001")
    else:
        _one_of(value, CHOICES[key], f"unknown {key}", spot)


def check_row(row: Row, channels: int, classes: int, where: Where) -> None:
    """Check one row whose input has ``channels``; ``where`` tells where its fields stand."""
    _one_of(row.operator, OPERATORS, "unknown operator", where("operator"))
    _one_of(row.nonlinearity, NONLINEARITIES, "unknown nonlinearity", where("nonlinearity"))
    if row.operator == "pool":
        _check_pool(row, where)
        return
    _check_window(row, where)
    _check_out(row, classes, where)
    squeeze = f"an integer up to {MAX_CHANNELS}, ✓ or -"
    _need(_within(row.squeeze, 0, MAX_CHANNELS), "squeeze out of range", where("squeeze"), squeeze)
    if row.operator == "bneck":
        _check_bneck(row, channels, where)
    else:
        _need(row.expansion == 0, "a conv2d has no expansion", where("expansion"), "-")


def _check_pool(row: Row, where: Where) -> None:
    _need(row.kernel == 0, "a pool takes in its whole input", where("kernel"), "kernel 0")
    _need(row.expansion == 0, "a pool has no expansion", where("expansion"), "-")
    _need(row.out == row.per_class == 0, "a pool keeps its channels", where("out"), "-")
    _need(row.squeeze == 0, "a pool has no squeeze-and-excite", where("squeeze"), "-")
    _need(row.nonlinearity == "", "a pool has no nonlinearity", where("nonlinearity"), "-")
    _need(row.stride == 1, "impossible stride", where("stride"), "1, for a pool")
    _need(row.batch_norm is True, "a pool has no batch normalization", where("batch_norm"), "pool")


def _check_window(row: Row, where: Where) -> None:
    smallest = 1 if row.operator == "conv2d" else 3
    fits = _within(row.kernel, smallest, MAX_KERNEL) and row.kernel % 2 == 1
    sizes = ", ".join(f"{side}x{side}" for side in range(smallest, MAX_KERNEL + 1, 2))
    _need(fits, "impossible kernel", where("kernel"), sizes)
    _need(_within(row.stride, 1, 2), "impossible stride", where("stride"), "1 or 2")


def _check_out(row: Row, classes: int, where: Where) -> None:
    limit = MAX_CLASSES if row.per_class else MAX_CHANNELS
    fits = _within(row.out, 1, limit) and _within(row.per_class, 0, limit)
    _need(fits, "output channels out of range", where("out"), f"1 to {limit}")
    fits = row.per_class == 0 or row.out == row.per_class * classes
    expected = f"{row.per_class} times {classes} classes"
    _need(fits, "output channels and classes disagree", where("out"), expected)


def _check_bneck(row: Row, channels: int, where: Where) -> None:
    fits = _within(row.expansion, channels, MAX_CHANNELS)
    expected = f"{channels} (the input's channels: no expansion) to {MAX_CHANNELS}"
    _need(fits, "impossible expansion", where("expansion"), expected)
    _need(row.per_class == 0, "only a conv2d counts classes", where("out"), "an integer")
    _need(row.batch_norm is True, "only a conv2d can be NBN", where("batch_norm"), "bneck, 3x3")


def nearest_choices(found: str, choices: Sequence[str]) -> tuple[str, ...]:
    """Return the choices most like ``found``, whatever its case."""
    spelled = {choice.lower(): choice for choice in choices}
    return tuple(spelled[name] for name in nearest_names(found[:60].lower(), spelled))


def _row_spots(name: str, number: int, row: Row) -> Where:
    stands = f"line {row.line}" if row.line else f"row {number}"
    return lambda field: (f"{name}, {stands}, {field}", getattr(row, field))


def _one_of(value: object, choices: tuple[str, ...], problem: str, spot: Spot) -> None:
    expected = ", ".join(choice or "-" for choice in choices)
    if value not in choices:
        nearest = nearest_choices(str(value), choices)
        raise TableError(problem, place=spot[0], found=spot[1], expected=expected, nearest=nearest)


def _within(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _need(fits: object, problem: str, spot: Spot, expected: str) -> None:
    if not fits:
        raise TableError(problem, place=spot[0], found=spot[1], expected=expected)

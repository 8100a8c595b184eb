"""What makes a table valid. The parser and `Network` share these checks; only the places differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from mnv3gen.tables.label_checks import check_all_read, check_labels, check_outputs, check_sources
from mnv3gen.tables.row_checks import check_row
from mnv3gen.tables.shapes import ROW_BEFORE, Shape, inputs_of, results
from mnv3gen.tables.values import (
    MAX_CHANNELS,
    MAX_CLASSES,
    MAX_ROWS,
    MAX_SIDE,
    Spot,
    Where,
    need,
    one_of,
    within,
)

if TYPE_CHECKING:
    from mnv3gen.tables.network import Conventions, Network

CHOICES = {
    "padding": ("same", "symmetric"),
    "squeeze": ("expansion/4", "input/4", "input/4-rounded"),
    "width_rule": ("paper", "torchvision", "v1", "v2", "mnasnet"),
    "preprocess": ("inception", "imagenet", "whole"),
    "hswish": ("fused", "naive"),
    "gate": ("hard_sigmoid", "sigmoid"),
    "resize": ("align_corners", "half_pixel"),
}


def check_network(network: Network) -> None:
    """Check every field and that the rows fit together; raises `TableError` at the first fault."""
    name = network.name
    check_name(name, ("name", name))
    shape = (network.height, network.width, network.channels)
    check_shape(shape, (f"{name}, input", shape))
    check_classes(network.classes, (f"{name}, classes", network.classes))
    check_conventions(network.conventions, name)
    count = len(network.rows)
    need(isinstance(network.rows, tuple), "rows not frozen", (name, network.rows), "a tuple")
    need(1 <= count <= MAX_ROWS, "no table", (name, f"{count} rows"), f"1 to {MAX_ROWS} rows")
    _check_rows(network, shape)
    outputs = network.outputs
    need(isinstance(outputs, tuple), "outputs not frozen", (name, outputs), "a tuple")
    check_outputs(network.rows, outputs, lambda item: (f"{name}, outputs", outputs[item]))
    check_all_read(network.rows, outputs, lambda index: _row_spot(network, index))


def _check_rows(network: Network, shape: Shape) -> None:
    shapes = {ROW_BEFORE: shape}
    for index, row in enumerate(network.rows):
        where = _field_spots(network, index)
        check_sources(row.sources, shapes, where)
        inputs = inputs_of(row, shapes)
        check_row(row, inputs, network.classes, where)
        check_labels(row, inputs[0][2], shapes, where)
        shapes.update(results(row, inputs))


def _row_spot(network: Network, index: int) -> Spot:
    row = network.rows[index]
    stands = f"line {row.line}" if row.line else f"row {index + 1}"
    return f"{network.name}, {stands}", row.operator


def _field_spots(network: Network, index: int) -> Where:
    row, (place, _) = network.rows[index], _row_spot(network, index)

    def where(field: str, item: int | None = None) -> Spot:
        value = getattr(row, field)
        return f"{place}, {field}", value if item is None else value[item]

    return where


def check_name(name: object, spot: Spot) -> None:
    """Check that a network's name can serve as a C symbol prefix and as a file name."""
    fits = isinstance(name, str) and re.fullmatch("[a-z][a-z0-9_]{0,63}", name)
    need(fits, "not a network name", spot, "lower-case letters, digits and _, a letter first")


def check_shape(shape: Sequence[object], spot: Spot) -> None:
    """Check an input of height, width and channels."""
    height, width, channels = shape
    fits = within(height, 1, MAX_SIDE) and within(width, 1, MAX_SIDE)
    fits = fits and within(channels, 1, MAX_CHANNELS)
    limits = f"sides of 1 to {MAX_SIDE} and 1 to {MAX_CHANNELS} channels"
    need(fits, "input out of range", spot, limits)


def check_classes(classes: object, spot: Spot) -> None:
    """Check the number of classes."""
    fits = within(classes, 1, MAX_CLASSES)
    need(fits, "number of classes out of range", spot, f"1 to {MAX_CLASSES}")


def check_conventions(conventions: Conventions, name: str) -> None:
    """Check every convention of the network of that name."""
    for each in fields(conventions):
        value = getattr(conventions, each.name)
        check_convention(each.name, value, (f"{name}, {each.name}", value))


def check_convention(key: str, value: object, spot: Spot) -> None:
    """Check one convention."""
    if key == "bn_eps":
        fits = isinstance(value, float) and 0 < value < 1
        need(fits, "bn_eps out of range", spot, "a number between 0 and 1, such as 0.001")
    else:
        one_of(value, CHOICES[key], f"unknown {key}", spot)

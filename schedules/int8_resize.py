"""Bilinear resize of int8, with weights of 7 bits an axis. There is nothing to choose."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Memory, Value, broadcast
from mnv3gen.generate.detail import coordinates_of
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integer_span import write_elements
from mnv3gen.generate.integers import Integers
from mnv3gen.generate.widen import load_some
from mnv3gen.quantize.arithmetic import INTERPOLATION
from mnv3gen.quantize.forms import resize_table
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"
FIELDS = 4  # of a position: both neighbours, both weights


def accepts(group: Group, core: Core) -> bool:
    """One resize."""
    return [kernel.kind for kernel in group.kernels] == ["resize"]


def space(group: Group, core: Core) -> Space:
    """One point."""
    return {}


def rule(group: Group, core: Core) -> Parameters:
    """Nothing."""
    return {}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """Of every output row, then of every column: two neighbours and their weights."""
    kernel = group.kernels[0]
    mode = coordinates_of(kernel)
    tables = [resize_table(kernel.input[it], kernel.output[it], mode) for it in (0, 1)]
    return [np.concatenate([table.ravel() for table in tables])]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    integers = Integers(builder, core)
    (_, width, channels), (rows, columns, _) = kernel.input, kernel.output
    pointers = frame(builder, group, weights=(((rows + columns) * FIELDS, "int32"),))
    (source,), (target,), (table,) = pointers.inputs, pointers.outputs, pointers.weights

    def row(down: Index) -> None:
        top, bottom, *vertical = _fields(builder, table, down)

        def column(right: Index) -> None:
            left, after, *horizontal = _fields(builder, table, rows + right)
            places = [(y * width + x) * channels for y in (top, bottom) for x in (left, after)]
            shares = [y * x for y in vertical for x in horizontal]

            def mixed(at: Index, lanes: int, count: int) -> Value:
                data = [load_some(builder, source, it + at, count, lanes) for it in places]
                return _mixed(data, shares, lanes)

            write_elements(integers, target, (down * columns + right) * channels, channels, mixed)

        builder.loop(columns, column, "column")

    builder.loop(rows, row, "row")
    return Generated(builder, pointers)


def _fields(builder: Builder, table: Memory, position: Index) -> list[Value]:
    return [builder.load(table, position * FIELDS + field, 1) for field in range(FIELDS)]


def _mixed(data: list[Value], shares: list[Value], lanes: int) -> Value:
    from tvm import tirx

    wide = f"int32x{lanes}"
    total = broadcast(tirx.const(1 << (2 * INTERPOLATION - 1), "int32"), lanes)
    for value, share in zip(data, shares, strict=True):
        total = total + tirx.Cast(wide, value) * broadcast(share, lanes)
    shift = broadcast(tirx.const(2 * INTERPOLATION, "int32"), lanes)
    return tirx.Cast(f"int8x{lanes}", total >> shift)

"""Rows of an image with the values of several rows side by side, channel by channel.

A product instruction sums a few values of each lane. A depthwise convolution has a channel in each
lane, so the values that are summed are those of consecutive rows of the window: they are laid
together once, for all columns of the window and for all output rows that see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnv3gen.generate.builder import Index, Memory, Value, broadcast
from mnv3gen.generate.integers import UNSIGNED, Integers, lanes_of_value, part, shuffled
from mnv3gen.generate.widen import load_some

CHUNK = 16  # channels that are laid together at a time, int8 in a vector of 128 bits
HALF_CHUNK = 8
VECTOR_BYTES = 16
UNROLLED = 128  # channels that are moved without a loop, at most


@dataclass(frozen=True)
class Rows:
    """What is laid together: a row of the image each, or None for a row of padding.

    `data` has the image's rows of `columns` pixels, which start at the elements `starts`; pixels
    are `channels` elements apart. `pad` is a vector of 16 int8 of padding.
    """

    data: Memory
    starts: Sequence[Index | None]
    columns: int
    channels: int
    pad: Value


def interleave(
    integers: Integers, rows: Rows, channels: int, scratch: Memory, to: Index, step: int
) -> None:
    """Lay `channels` channels of each column together, columns `step` elements apart.

    There are at most `integers.group` rows; where there are fewer, the last one stands for others.
    """
    builder = integers.builder

    def column(index: Index) -> None:
        def chunk(number: Index) -> None:
            first = number * CHUNK
            _lay(integers, rows, index, first, CHUNK, CHUNK, scratch, to + index * step)

        if integers.group == 1 and channels <= UNROLLED:
            for number in range(channels // CHUNK):
                chunk(number)
        else:
            builder.loop(channels // CHUNK, chunk, "chunk")
        for first in range(channels // CHUNK * CHUNK, channels, HALF_CHUNK):
            count = min(HALF_CHUNK, channels - first)
            _lay(integers, rows, index, first, count, HALF_CHUNK, scratch, to + index * step)

    builder.loop(rows.columns, column, "column")


def fill_columns(integers: Integers, pad: Value, scratch: Memory, to: Index, elements: int) -> None:
    """Fill `elements`, a multiple of 16, with padding."""
    value = _as_read(integers, pad)
    if integers.data_dtype == "int16":
        from tvm import tirx

        value = tirx.Cast("int16x16", value)
    integers.builder.loop(
        elements // CHUNK,
        lambda index: integers.builder.store(scratch, to + index * CHUNK, value, CHUNK),
        "fill",
    )


def _lay(
    integers: Integers,
    rows: Rows,
    column: Index,
    first: Index,
    count: int,
    lanes: int,
    scratch: Memory,
    to: Index,
) -> None:
    """`count` channels of a column, in vectors of `lanes`."""
    builder = integers.builder
    loaded = [
        part(rows.pad, 0, lanes)
        if start is None
        else load_some(builder, rows.data, start + column * rows.channels + first, count, lanes)
        for start in rows.starts
    ]
    values = [builder.register(lanes, _as_read(integers, value), "int8").value for value in loaded]
    values += [values[-1]] * (integers.group - len(values))
    at = to + first * integers.group
    for vector in _together(integers, values):
        size = lanes_of_value(vector)
        builder.store(scratch, at, vector, size)
        at = at + size


def _as_read(integers: Integers, value: Value) -> Value:
    """With 128 added where products take them for unsigned."""
    from tvm import tirx

    if integers.products != "vpdpbusd":
        return value
    return value ^ broadcast(tirx.const(-UNSIGNED, "int8"), lanes_of_value(value))


def _together(integers: Integers, values: Sequence[Value]) -> list[Value]:
    """Vectors of what lies one after the other, of `integers.data_dtype`."""
    from tvm import tirx

    if integers.group == 1:
        dtype, lanes = integers.data_dtype, lanes_of_value(values[0])
        return [values[0] if dtype == "int8" else tirx.Cast(f"{dtype}x{lanes}", values[0])]
    pairs = _zipped(values[0], values[1], "int8")
    if integers.group == 2:
        return [tirx.Cast("int16x16", pair) for pair in pairs]
    others = _zipped(values[2], values[3], "int8")
    halves = [[tirx.reinterpret("int16x8", it) for it in each] for each in (pairs, others)]
    quads = [_zipped(first, second, "int16") for first, second in zip(*halves, strict=True)]
    return [tirx.reinterpret("int8x16", it) for each in quads for it in each]


def _zipped(first: Value, second: Value, dtype: str) -> list[Value]:
    """The lanes of two vectors in turns, in vectors of 128 bits."""
    lanes = lanes_of_value(first)
    width = VECTOR_BYTES // (1 if dtype == "int8" else 2)
    return [
        shuffled([first, second], [(start + it) // 2 + it % 2 * lanes for it in range(width)])
        for start in range(0, 2 * lanes, width)
    ]

"""Bilinear resize: every output row is first mixed of two input rows, then of their columns.

Positions are fractions of whole numbers, as in `mnv3gen/lower/resize.py`.

Parameters: `vectors`, the registers of a round.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Memory, Value, broadcast
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.span import Vector, write
from mnv3gen.lower.resize import neighbours
from mnv3gen.targets import Core

VERSION = 1


def accepts(group: Group, core: Core) -> bool:
    """One resize, with the coordinates that graphs have."""
    if [kernel.kind for kernel in group.kernels] != ["resize"]:
        return False
    return group.kernels[0].detail in ("align_corners", "half_pixel")


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"vectors": (1, 2, 4, 8)}


def rule(group: Group, core: Core) -> Parameters:
    """Four registers, as in all loops over memory."""
    return {"vectors": 4}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """There are no weights: positions are computed."""
    return []


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    (height, width, channels), (rows, columns, _) = kernel.input, kernel.output
    pointers = frame(builder, group, scratch=width * channels)
    (source,), (target,), mixed = pointers.inputs, pointers.outputs, pointers.scratch
    assert mixed is not None
    lanes, vectors = lanes_of(core), parameters["vectors"]

    def row(down: Index) -> None:
        top, bottom, share = neighbours(_whole(down), height, rows, kernel.detail)
        places = (top * (width * channels), bottom * (width * channels))
        between = _between(builder, source, places, share)
        write(builder, mixed, 0, width * channels, lanes, vectors, between)

        def column(right: Index) -> None:
            left, after, share = neighbours(_whole(right), width, columns, kernel.detail)
            between = _between(builder, mixed, (left * channels, after * channels), share)
            at = (down * columns + right) * channels
            write(builder, target, at, channels, lanes, vectors, between)

        builder.loop(columns, column, "column")

    builder.loop(rows, row, "row")
    return Generated(builder, pointers)


def _between(builder: Builder, source: Memory, places: tuple[Index, Index], share: Value) -> Vector:
    """The first place's values, and of the way to the second's the share given."""

    def vector(offset: Index, lanes: int) -> Value:
        first, second = (builder.load(source, place + offset, lanes) for place in places)
        return first + (second - first) * broadcast(share, lanes)

    return vector


def _whole(index: Index) -> Index:
    """A loop's variable, or the number that stands for it in a loop of one round."""
    from tvm import tirx

    return tirx.const(index, "int32") if isinstance(index, int) else index

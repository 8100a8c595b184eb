"""int8 channels of several tensors one after the other. There is nothing to choose."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Memory, Value
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integer_span import write_elements
from mnv3gen.generate.integers import Integers
from mnv3gen.generate.widen import load_some
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"


def accepts(group: Group, core: Core) -> bool:
    """One concatenation."""
    return [kernel.kind for kernel in group.kernels] == ["concat"]


def space(group: Group, core: Core) -> Space:
    """One point."""
    return {}


def rule(group: Group, core: Core) -> Parameters:
    """Nothing."""
    return {}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """There are no weights."""
    return []


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    integers, pointers = Integers(builder, core), frame(builder, group)
    sources = [pointers.inputs[-1 - read] for read in group.reads[0]]
    widths = [shape[2] for shape in kernel.reads]
    starts = accumulate(widths, initial=0)
    parts = list(zip(sources, widths, starts, strict=False))

    def pixel(index: Index) -> None:
        def copy(source: Memory, width: int, start: int) -> None:
            def value(at: Index, lanes: int, count: int) -> Value:
                return load_some(builder, source, index * width + at, count, lanes)

            first = index * kernel.output[2] + start
            write_elements(integers, pointers.outputs[0], first, width, value)

        for part in parts:
            copy(*part)

    builder.loop(math.prod(kernel.output[:2]), pixel, "pixel")
    return Generated(builder, pointers)

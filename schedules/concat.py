"""The channels of several tensors of one height and width, one after the other.

Parameters: `vectors`, the registers of a round.
"""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Memory, Value
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.span import write
from mnv3gen.targets import Core

VERSION = 1


def accepts(group: Group, core: Core) -> bool:
    """One concatenation that is given each of its tensors, also one that it reads twice."""
    if [kernel.kind for kernel in group.kernels] != ["concat"]:
        return False
    kernel = group.kernels[0]
    return sum(shape[2] for shape in kernel.reads) == kernel.output[2]


def space(group: Group, core: Core) -> Space:
    """Every combination is valid; of a loop with one register LLVM would make a call of memcpy."""
    return {"vectors": (2, 4, 8)}


def rule(group: Group, core: Core) -> Parameters:
    """Four registers, as in all loops over memory."""
    return {"vectors": 4}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """There are no weights."""
    return []


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    pointers = frame(builder, group)
    sources = [pointers.inputs[-1 - read] for read in group.reads[0]]
    widths = [shape[2] for shape in kernel.reads]
    starts = accumulate(widths, initial=0)
    pieces = list(zip(sources, widths, starts, strict=False))

    def pixel(index: Index) -> None:
        def copy(source: Memory, width: int, start: int) -> None:
            def value(offset: Index, lanes: int) -> Value:
                return builder.load(source, index * width + offset, lanes)

            at = index * kernel.output[2] + start
            vectors = parameters["vectors"]
            write(builder, pointers.outputs[0], at, width, lanes_of(core), vectors, value)

        for piece in pieces:
            copy(*piece)

    builder.loop(math.prod(kernel.output[:2]), pixel, "pixel")
    return Generated(builder, pointers)

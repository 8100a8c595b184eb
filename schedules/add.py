"""The sum of two tensors of one shape that is not fused into a convolution.

Parameters: `vectors`, the registers of a round.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Value
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.span import write
from mnv3gen.targets import Core

VERSION = 1


def accepts(group: Group, core: Core) -> bool:
    """One addition of tensors, not of a number."""
    if [kernel.kind for kernel in group.kernels] != ["add"]:
        return False
    return group.kernels[0].reads == (group.kernels[0].output,) * 2


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"vectors": (1, 2, 4, 8)}


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
    builder = Builder()
    pointers = frame(builder, group)
    first, second = (pointers.inputs[-1 - read] for read in group.reads[0])

    def total(offset: Index, lanes: int) -> Value:
        return builder.load(first, offset, lanes) + builder.load(second, offset, lanes)

    size = math.prod(group.kernels[0].output)
    write(builder, pointers.outputs[0], 0, size, lanes_of(core), parameters["vectors"], total)
    return Generated(builder, pointers)

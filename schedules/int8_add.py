"""The sum of two int8 tensors that is not fused into a convolution. There is nothing to choose."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Value
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integer_span import write_elements
from mnv3gen.generate.integers import Integers
from mnv3gen.generate.requantize import ADDED, COPIES, Shared, addition, copies
from mnv3gen.generate.widen import load_some
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"


def accepts(group: Group, core: Core) -> bool:
    """One addition of tensors of one shape."""
    if [kernel.kind for kernel in group.kernels] != ["add"]:
        return False
    return group.kernels[0].reads == (group.kernels[0].output,) * 2


def space(group: Group, core: Core) -> Space:
    """One point."""
    return {}


def rule(group: Group, core: Core) -> Parameters:
    """Nothing."""
    return {}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """The numbers of the sum."""
    return [copies(addition(weights[0][0]))]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder = Builder()
    integers = Integers(builder, core)
    pointers = frame(builder, group, weights=((COPIES * len(ADDED), "int16"),))
    shared = Shared(integers, pointers.weights[0], 0, ADDED)
    sources = [pointers.inputs[-1 - read] for read in group.reads[0]]

    def total(at: Index, lanes: int, count: int) -> Value:
        return shared.sum(*(load_some(builder, it, at, count, lanes) for it in sources))

    size = math.prod(group.kernels[0].output)
    write_elements(integers, pointers.outputs[0], 0, size, total)
    return Generated(builder, pointers)

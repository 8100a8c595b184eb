"""int8 elements through a table of 256: sigmoids, one element at a time.

They are few where they occur. There is nothing to choose.
"""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"


def accepts(group: Group, core: Core) -> bool:
    """One look-up."""
    return [kernel.kind for kernel in group.kernels] == ["lookup"]


def space(group: Group, core: Core) -> Space:
    """One point."""
    return {}


def rule(group: Group, core: Core) -> Parameters:
    """Nothing."""
    return {}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """The table."""
    return [weights[0][0]]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder = Builder()
    pointers = frame(builder, group, weights=((256, "int8"),))

    def element(index: Index) -> None:
        from tvm import tirx

        number = tirx.Cast("int32", builder.load(pointers.inputs[0], index, 1))
        value = builder.load(pointers.weights[0], number + tirx.const(128, "int32"), 1)
        builder.store(pointers.outputs[0], index, value, 1)

    builder.loop(math.prod(group.kernels[0].output), element, "element")
    return Generated(builder, pointers)

"""The product of two int8 tensors, of which the second may be one pixel for all: a gate.

There is nothing to choose.
"""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Value
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integer_span import write_elements
from mnv3gen.generate.integers import Integers
from mnv3gen.generate.requantize import COPIES, Shared, copies, offset
from mnv3gen.generate.widen import load_some
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"
NUMBERS = ("zero0", "zero1", "factor", "offset")


def accepts(group: Group, core: Core) -> bool:
    """One product, with a second factor of its shape or of one pixel."""
    if [kernel.kind for kernel in group.kernels] != ["gate"]:
        return False
    first, second = group.kernels[0].reads
    return first == group.kernels[0].output and second in (first, (1, 1, first[-1]))


def space(group: Group, core: Core) -> Space:
    """One point."""
    return {}


def rule(group: Group, core: Core) -> Parameters:
    """Nothing."""
    return {}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """The numbers of the product."""
    zero0, zero1, factor, zero_point = (int(value) for value in weights[0][0])
    numbers = {"zero0": zero0 << 7, "zero1": zero1 << 7, "factor": factor}
    return [copies(numbers | {"offset": offset(zero_point)})]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    integers = Integers(builder, core)
    pointers = frame(builder, group, weights=((COPIES * len(NUMBERS), "int16"),))
    shared = Shared(integers, pointers.weights[0], 0, NUMBERS)
    data, factors = (pointers.inputs[-1 - read] for read in group.reads[0])
    same = kernel.reads[0] == kernel.reads[1]
    size = math.prod(kernel.output) if same else kernel.output[-1]

    def pixel(index: Index) -> None:
        def product(at: Index, lanes: int, count: int) -> Value:
            first = load_some(builder, data, index * size + at, count, lanes)
            second = load_some(builder, factors, at, count, lanes)
            value = integers.high_product(
                integers.centered(first, shared.load("zero0", lanes)),
                integers.centered(second, shared.load("zero1", lanes)),
            )
            value = integers.high_product(value, shared.load("factor", lanes))
            return integers.narrowed(value, shared.load("offset", lanes))

        write_elements(integers, pointers.outputs[0], index * size, size, product)

    builder.loop(1 if same else math.prod(kernel.output[:2]), pixel, "pixel")
    return Generated(builder, pointers)

"""The product of two tensors: squeeze-and-excite's scale, LR-ASPP's attention.

Either may be one pixel for all, or one channel for all. Parameters: `vectors`, the registers of a
round.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index, Memory, Value, broadcast
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.span import write
from mnv3gen.targets import Core

VERSION = 1


def accepts(group: Group, core: Core) -> bool:
    """One multiplication of tensors, not by a number."""
    if [kernel.kind for kernel in group.kernels] != ["gate"]:
        return False
    kernel = group.kernels[0]
    return len(kernel.reads) == 2 and all(_fits(shape, kernel.output) for shape in kernel.reads)


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
    builder, kernel = Builder(), group.kernels[0]
    pointers = frame(builder, group)
    shapes = [(math.prod(shape[:2]), shape[2]) for shape in (*kernel.reads, kernel.output)]
    if len(set(shapes)) == 1:  # as if all were the channels of one pixel
        shapes = [(1, math.prod(kernel.output))] * 3
    pixels, channels = shapes[-1]
    factors = [
        _Factor(pointers.inputs[-1 - read], *shape)
        for read, shape in zip(group.reads[0], shapes[:-1], strict=True)
    ]

    def pixel(index: Index) -> None:
        def product(offset: Index, lanes: int) -> Value:
            first, second = (factor.load(builder, index, offset, lanes) for factor in factors)
            return first * second

        vectors, at = parameters["vectors"], index * channels
        write(builder, pointers.outputs[0], at, channels, lanes_of(core), vectors, product)

    builder.loop(pixels, pixel, "pixel")
    return Generated(builder, pointers)


def _fits(shape: tuple[int, ...], output: tuple[int, ...]) -> bool:
    return shape[:2] in (output[:2], (1, 1)) and shape[2] in (output[2], 1)


@dataclass(frozen=True)
class _Factor:
    """A tensor; with one pixel or one channel it is the same for all."""

    memory: Memory
    pixels: int
    channels: int

    def load(self, builder: Builder, pixel: Index, channel: Index, lanes: int) -> Value:
        """Its values for `lanes` channels of a pixel."""
        first = pixel * self.channels if self.pixels > 1 else 0
        if self.channels == 1:
            return broadcast(builder.load(self.memory, first, 1), lanes)
        return builder.load(self.memory, first + channel, lanes)

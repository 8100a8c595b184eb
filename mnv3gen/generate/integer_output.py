"""Where sums in registers end: requantized, with the residual added, and stored as int8."""

from __future__ import annotations

from collections.abc import Sequence

from mnv3gen.compile.kernel import LEAVES
from mnv3gen.generate.builder import Index, Register
from mnv3gen.generate.group import Frame, Group
from mnv3gen.generate.integers import Integers
from mnv3gen.generate.requantize import Requantization, pieces
from mnv3gen.generate.widen import load_some, store_some


class IntegerOutput:
    """The output of a group of one convolution, whose last two packed arrays are its constants."""

    def __init__(self, integers: Integers, group: Group, frame: Frame) -> None:
        kernel = group.kernels[0]
        self.integers, self.memory = integers, frame.outputs[0]
        self.channels = kernel.output[-1]
        self.steps = Requantization(integers, kernel, *frame.weights[-2:])
        adds = "add" in kernel.epilogue
        self.leaves = LEAVES in kernel.epilogue
        self.residual = frame.inputs[-1 - group.reads[0][1]] if adds else None

    def write(self, pixel: Index, channel: Index, registers: Sequence[Register]) -> None:
        """Store a pixel's channels, from `channel` on; those that are none are left out.

        Where they may be none, `channel` is a number.
        """
        builder, lanes = self.integers.builder, self.integers.lanes
        if self.leaves:
            self._leave(pixel, channel, registers)
            return
        for piece in pieces(len(registers) * lanes, self.integers):
            first = piece.offset // lanes
            sums = [it.value for it in registers[first : first + piece.lanes // lanes]]
            at, count = pixel * self.channels + channel + piece.offset, piece.lanes
            if isinstance(channel, int):
                count = min(count, self.channels - channel - piece.offset)
            residual = None
            if self.residual is not None:
                residual = load_some(builder, self.residual, at, count, piece.lanes)
            value = self.steps.elements(sums, channel + piece.offset, residual)
            store_some(builder, self.memory, at, value, count)

    def _leave(self, pixel: Index, channel: Index, registers: Sequence[Register]) -> None:
        """Store a pixel's channels as float32."""
        builder, lanes = self.integers.builder, self.integers.lanes
        for number, register in enumerate(registers):
            first = channel + number * lanes
            count = min(lanes, self.channels - first) if isinstance(channel, int) else lanes
            if count > 0:
                value = self.steps.numbers(register.value, first)
                store_some(builder, self.memory, pixel * self.channels + first, value, count)

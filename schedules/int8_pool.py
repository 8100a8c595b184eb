"""Means of int8: over the whole image, or over windows that lie inside of it.

Up to 128 elements are summed in int16, which cannot overflow, before the int32 of the whole.

Parameters: `units`, of 8 channels that are summed at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.builder import Builder, Index, Memory, Register, Value
from mnv3gen.generate.cover import Run, panels
from mnv3gen.generate.detail import window_of
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integers import UNIT, Integers, part
from mnv3gen.generate.requantize import COPIES, Shared, copies, offset, shift_sign
from mnv3gen.generate.widen import load_some, store_some
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"

MOST = 128  # elements whose sum is an int16
WORDS = ("factor", "offset", "shift")
HALVES = ("multiplier", "offset")


def accepts(group: Group, core: Core) -> bool:
    """One mean."""
    return [kernel.kind for kernel in group.kernels] in (["pool"], ["average"])


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"units": (1, 2, 4)}


def rule(group: Group, core: Core) -> Parameters:
    """Two, so that no sum waits for itself."""
    return {"units": 2}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """What sums are multiplied by, and what is added: as int32 and int16, in every lane."""
    factor, added, shift, multiplier, zero_point = (int(value) for value in weights[0][0])
    words = np.repeat(np.array([factor, added, shift_sign(core) * shift], np.int32), UNIT)
    return [words, copies({"multiplier": multiplier, "offset": offset(zero_point)})]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    return _Mean(group, core, parameters).written()


class _Mean:
    """Writes the loops over windows, units of channels, and rows of a window."""

    def __init__(self, group: Group, core: Core, parameters: Parameters) -> None:
        self.builder, self.kernel = Builder(), group.kernels[0]
        self.integers = Integers(self.builder, core)
        self.units = parameters["units"]
        sizes = ((UNIT * len(WORDS), "int32"), (COPIES * len(HALVES), "int16"))
        self.frame = frame(self.builder, group, weights=sizes)
        self.window, self.strides = _window(self.kernel)

    def written(self) -> Generated:
        rows, columns, channels = self.kernel.output
        _, width, _ = self.kernel.input

        def row(down: Index) -> None:
            def column(right: Index) -> None:
                at = (down * self.strides[0] * width + right * self.strides[1]) * channels
                self._position(at, (down * columns + right) * channels)

            self.builder.loop(columns, column, "column")

        self.builder.loop(rows, row, "row")
        return Generated(self.builder, self.frame)

    def _position(self, source: Index, target: Index) -> None:
        channels = self.kernel.output[-1]
        for run in panels(channels, UNIT, self.units):

            def body(index: Index, run: Run = run) -> None:
                channel = index * run.size + run.start
                count = min(run.size, UNIT)
                starts = range(0, run.size, UNIT)
                totals = self._sums(source + channel, [(it, count) for it in starts])
                for start, total in zip(starts, totals, strict=True):
                    at = target + channel + start
                    store_some(self.builder, self.frame.outputs[0], at, self._mean(total), count)

            self.builder.loop(run.count, body, "channels")

    def _sums(self, source: Index, units: list[tuple[int, int]]) -> list[list[Register]]:
        """int32 sums of each unit, one register or two."""
        builder, lanes = self.builder, self.integers.lanes
        totals = [
            [builder.register(lanes, _zero("int32", lanes), "int32") for _ in range(UNIT // lanes)]
            for _ in units
        ]
        height, width = self.window
        rows = max(1, min(height, MOST // width))
        for start in range(0, height, rows):
            self._some_rows(source, start, min(rows, height - start), units, totals)
        return totals

    def _some_rows(
        self,
        source: Index,
        start: int,
        rows: int,
        units: list[tuple[int, int]],
        totals: list[list[Register]],
    ) -> None:
        """Add rows of the window; a row longer than an int16 can sum goes by parts."""
        builder, (_, image, channels) = self.builder, self.kernel.input
        for first in range(0, self.window[1], MOST):
            sums = [builder.register(UNIT, _zero("int16", UNIT), "int16") for _ in units]
            columns = min(MOST, self.window[1] - first)

            def row(
                down: Index,
                first: int = first,
                columns: int = columns,
                sums: list[Register] = sums,
            ) -> None:
                def column(right: Index) -> None:
                    at = source + ((down + start) * image + right + first) * channels
                    self._accumulate(sums, units, at)

                builder.loop(columns, column, "x")

            builder.loop(rows, row, "y")
            for total, registers in zip(sums, totals, strict=True):
                self._widen(total, registers)

    def _accumulate(self, sums: list[Register], units: list[tuple[int, int]], at: Index) -> None:
        from tvm import tirx

        for total, (start, count) in zip(sums, units, strict=True):
            value = load_some(self.builder, self.frame.inputs[0], at + start, count, UNIT)
            self.builder.set(total, total.value + tirx.Cast(f"int16x{UNIT}", value))

    def _widen(self, total: Register, registers: list[Register]) -> None:
        from tvm import tirx

        lanes = self.integers.lanes
        for number, register in enumerate(registers):
            value = tirx.Cast(f"int32x{lanes}", part(total.value, number * lanes, lanes))
            self.builder.set(register, register.value + value)

    def _mean(self, total: list[Register]) -> Value:
        integers, (words, halves) = self.integers, self.frame.weights
        lanes = integers.lanes
        factor, added, shift = (self._word(words, name, lanes) for name in WORDS)
        shared = Shared(integers, halves, 0, HALVES)
        sums = [it.value * factor + added for it in total]
        multiplier = shared.load("multiplier", UNIT)
        value = integers.scaled(sums, [shift] * len(sums), multiplier)
        return integers.narrowed(value, shared.load("offset", UNIT))

    def _word(self, words: Memory, name: str, lanes: int) -> Value:
        return self.builder.load(words, UNIT * WORDS.index(name), lanes)


def _window(kernel: Kernel) -> tuple[tuple[int, int], tuple[int, int]]:
    if kernel.kind == "pool":
        return (kernel.input[0], kernel.input[1]), (1, 1)
    return window_of(kernel)


def _zero(dtype: str, lanes: int) -> Value:
    from tvm import tirx

    return tirx.Broadcast(tirx.const(0, dtype), lanes)

"""Dense convolutions of int8 with a window: the stem.

The input rows under an output row are copied first, with padding around them. There the inputs
under a row of the window lie one after the other; they are multiplied like the channels of a 1x1
convolution. What fills the last group reads on into the next pixel, for weights that are zero.
Where products go by lanes and a row of the window is short, as in the stem, all that lies under an
output pixel is laid together, and that is multiplied.

Parameters: `vectors`, the most units of 8 channels of a panel; `rows`, the most pixels of a tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index
from mnv3gen.generate.convolve import row_taps
from mnv3gen.generate.cover import Run, Taps, balanced
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integer_output import IntegerOutput
from mnv3gen.generate.integer_tile import (
    BY_LANES,
    IntegerPanel,
    IntegerSegment,
    multiply_integers,
    pack_panels,
    unit_panels,
)
from mnv3gen.generate.integers import Integers, groups_of
from mnv3gen.generate.requantize import (
    constants_of,
    last_array,
    pack_last,
    pack_words,
    padded,
    words_size,
)
from mnv3gen.generate.widen import copy_row, fill_row
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"
SHARE_OF_PEAK = 1.0  # of that of float32
WORD = 16  # values that are read at once at most


def accepts(group: Group, core: Core) -> bool:
    """One dense convolution whose window has no gaps."""
    if [kernel.kind for kernel in group.kernels] != ["conv"]:
        return False
    return group.kernels[0].dilation == 1


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"vectors": (1, 2, 3, 4), "rows": (1, 2, 3, 4, 5, 6, 8)}


def rule(group: Group, core: Core) -> Parameters:
    """As many sums as leave room for weights and activations."""
    if core.products == "smlal":
        return {"vectors": 1, "rows": 1} if _along(core) else {"vectors": 2, "rows": 4}
    return {"vectors": 2, "rows": 5 if core.vector_registers > 16 else 3}


def cost(group: Group, core: Core) -> float:
    """Its tensors once, its arithmetic at the share of the peak that was measured."""
    return costs.cost(group, core, SHARE_OF_PEAK, costs.tensors(group))


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """Panels in which every row of the window has whole groups; a value of padding; constants."""
    kernel = group.kernels[0]
    constants = constants_of(kernel, weights[0])
    values = kernel.window * kernel.input[-1]
    rows = constants.weight.reshape(kernel.window, values, kernel.output[-1])
    segments = kernel.window
    if _gathers(kernel, core):
        rows, values, segments = rows.reshape(1, -1, kernel.output[-1]), _gathered(kernel), 1
    fill = values + -values % groups_of(_along(core))[core.products] - rows.shape[1]
    matrix = np.pad(rows, ((0, 0), (0, fill), (0, 0))).reshape(-1, kernel.output[-1])
    return [
        pack_panels(core, matrix, _panels(group, parameters), segments, _along(core)),
        np.full(1, constants.pad, np.int8),
        pack_words(core, constants),
        pack_last(kernel, constants),
    ]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect."""
    return _Convolution(group, core, parameters).written()


def _panels(group: Group, parameters: Parameters) -> list[Run]:
    return unit_panels(group.kernels[0].output[-1], parameters["vectors"])


def _along(core: Core) -> bool:
    """Pairs of activations in every lane take registers that 32-bit ARM does not have."""
    return core.products == "smlal" and core.vector_registers <= 16


def _gathers(kernel: Kernel, core: Core) -> bool:
    return core.products in BY_LANES and kernel.window * kernel.input[-1] <= WORD


def _gathered(kernel: Kernel) -> int:
    """Values under an output pixel, in whole words."""
    return -(-kernel.window * kernel.window * kernel.input[-1] // WORD) * WORD


class _Convolution:
    """Writes the loops over output rows, panels and tiles."""

    def __init__(self, group: Group, core: Core, parameters: Parameters) -> None:
        self.builder, self.kernel = Builder(), group.kernels[0]
        self.integers = Integers(self.builder, core, along=_along(core))
        self.most, self.panels = parameters["rows"], _panels(group, parameters)
        window, (_, width, depth) = self.kernel.window, self.kernel.input
        _, left, _, right = self.kernel.padding
        self.groups = -(-window * depth // self.integers.group)  # of a row of the window
        self.before, self.after = left * depth, right * depth + WORD
        self.step = self.before + width * depth + self.after  # from copied row to copied row
        self.gathers, self.gathered = _gathers(self.kernel, core), 0
        depth = window * self.groups * self.integers.group  # of the weights
        scratch = window * self.step
        if self.gathers:
            depth, self.gathered = _gathered(self.kernel), scratch
            scratch += self.kernel.output[1] * depth + WORD
        self.depth, size = depth, depth * padded(self.kernel.output[-1])
        self.frame = frame(
            self.builder,
            group,
            weights=(
                (size, "int8"),
                (1, "int8"),
                (words_size(self.kernel.output[-1]), "int32"),
                last_array(self.kernel),
            ),
            scratch=scratch,
            scratch_dtype=self.integers.data_dtype,
        )
        self.output = IntegerOutput(self.integers, group, self.frame)
        assert self.frame.scratch is not None
        self.scratch = self.frame.scratch

    def written(self) -> Generated:
        for number in range(self.kernel.window):
            self._fill(number * self.step, self.before)
            self._fill((number + 1) * self.step - self.after, self.after)
        for seen in row_taps(self.kernel):

            def row(index: Index, seen: Taps = seen) -> None:
                self._copy(index + seen.start, seen)
                if self.gathers:
                    self._gather()
                for run in self.panels:
                    self._panels(index + seen.start, run)

            self.builder.loop(seen.count, row, "row")
        return Generated(self.builder, self.frame)

    def _copy(self, row: Index, seen: Taps) -> None:
        """The rows under the window, those outside of the image as padding."""
        _, width, depth = self.kernel.input
        for number in range(self.kernel.window):
            to = number * self.step + self.before
            if seen.first <= number < seen.last:
                line = row * self.kernel.stride - self.kernel.padding[0] + number
                at = line * (width * depth)
                copy_row(self.integers, self.frame.inputs[0], at, self.scratch, to, width * depth)
            else:
                self._fill(to, width * depth)

    def _gather(self) -> None:
        """Lay together what is under each pixel; what a store has too much, the next mends."""
        builder, values = self.builder, self.kernel.window * self.kernel.input[-1]
        step = self.kernel.stride * self.kernel.input[-1]

        def pixel(index: Index) -> None:
            for number in range(self.kernel.window):
                word = builder.load(self.scratch, number * self.step + index * step, WORD)
                to = self.gathered + index * self.depth + number * values
                builder.store(self.scratch, to, word, WORD)

        builder.loop(self.kernel.output[1], pixel, "pixel")

    def _fill(self, to: int, count: int) -> None:
        pad = self.builder.load(self.frame.weights[1], 0, 1)

        def word(index: Index) -> None:
            fill_row(self.integers, self.scratch, to + index * WORD, pad, WORD)

        self.builder.loop(count // WORD, word, "fill")
        fill_row(self.integers, self.scratch, to + count // WORD * WORD, pad, count % WORD)

    def _panels(self, row: Index, run: Run) -> None:
        def panel(index: Index) -> None:
            channel = index * run.size + run.start
            weights = IntegerPanel(self.frame.weights[0], channel * self.depth, channel, run.size)
            for tiles in balanced(self.kernel.output[1], self.most):
                self._tiles(row, weights, tiles)

        self.builder.loop(run.count, panel, "panel")

    def _tiles(self, row: Index, panel: IntegerPanel, tiles: Run) -> None:
        step = self.depth if self.gathers else self.kernel.stride * self.kernel.input[-1]

        def tile(index: Index) -> None:
            first = index * tiles.size + tiles.start
            starts = [self.gathered + (first + it) * step for it in range(tiles.size)]
            segments = list(self._segments())
            sums = multiply_integers(
                self.integers, self.output.steps, panel, self.scratch, starts, segments
            )
            for pixel, registers in enumerate(sums):
                at = row * self.kernel.output[1] + first + pixel
                self.output.write(at, panel.channel, registers)

        self.builder.loop(tiles.count, tile, "tile")

    def _segments(self) -> Iterator[IntegerSegment]:
        if self.gathers:
            yield IntegerSegment(0, 0, self.depth // self.integers.group)
            return
        for number in range(self.kernel.window):
            yield IntegerSegment(number * self.step, number * self.groups, self.groups)

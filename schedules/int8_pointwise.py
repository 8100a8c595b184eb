"""1x1 convolutions of int8, with whatever their sums go through and the residual.

With AVX2 the pixels of a block are widened to int16 first, and so are a panel's weights; elsewhere
both are read as they are. Pixels whose channels are no whole groups are copied and filled up.

Parameters: `vectors`, the most units of 8 channels of a panel; `rows`, the most pixels of a tile;
`block`, the pixels that are widened at a time, 0 for all.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index, Memory
from mnv3gen.generate.cover import Run, balanced
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integer_output import IntegerOutput
from mnv3gen.generate.integer_tile import (
    IntegerPanel,
    IntegerSegment,
    multiply_integers,
    pack_panels,
    unit_panels,
)
from mnv3gen.generate.integers import Integers
from mnv3gen.generate.requantize import (
    constants_of,
    last_array,
    pack_last,
    pack_words,
    padded,
    words_size,
)
from mnv3gen.generate.widen import copy_row, fill_row, whole_groups
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"
SHARE_OF_PEAK = 1.6  # of that of float32
LONG = 170  # of a reduction, for products without dot products


def accepts(group: Group, core: Core) -> bool:
    """One dense convolution that sees a single pixel."""
    if [kernel.kind for kernel in group.kernels] != ["conv"]:
        return False
    kernel = group.kernels[0]
    return kernel.window == kernel.stride == 1 and not any(kernel.padding)


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    pixels = {"vectors": (1, 2, 3, 4), "rows": (1, 2, 3, 4, 5, 6, 8)}
    if core.products == "smlal":
        return {**pixels, "along": (0, 1)}
    return {**pixels, "block": (0, 32, 64, 128, 256)}


def rule(group: Group, core: Core) -> Parameters:
    """As many sums as leave room for weights and activations."""
    match core.products:
        case "vpdpbusd":
            return {"vectors": 4, "rows": 4, "block": 0}
        case "pmaddwd":
            return {"vectors": 2, "rows": 5, "block": 128}
        case "sdot":
            return {"vectors": 3, "rows": 3, "block": 0}
        case "smlal":
            return _halves_rule(group, core)
    return {"vectors": 1, "rows": 4, "block": 0}


def _halves_rule(group: Group, core: Core) -> Parameters:
    """Sums along a long reduction leave no room for many, but need no broadcasts."""
    height, width, depth = group.kernels[0].input
    wide = core.vector_registers > 16
    if height * width == 1:
        return {"vectors": 2 if wide else 1, "rows": 1, "along": 1}
    if depth > LONG:
        return {"vectors": 1, "rows": 2 if wide else 1, "along": 1}
    return {"vectors": 3 if wide else 2, "rows": 3 if wide else 2, "along": 0}


def cost(group: Group, core: Core) -> float:
    """Its tensors once, its arithmetic at the share of the peak that was measured."""
    return costs.cost(group, core, SHARE_OF_PEAK, costs.tensors(group))


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """Panels, and the constants as int32 and int16."""
    kernel = group.kernels[0]
    constants = constants_of(kernel, weights[0])
    matrix = constants.weight.reshape(-1, kernel.output[-1])
    return [
        pack_panels(core, matrix, _panels(group, parameters), along=_along(parameters)),
        pack_words(core, constants),
        pack_last(kernel, constants),
    ]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect."""
    return _Pointwise(group, core, parameters).written()


def _along(parameters: Parameters) -> bool:
    return bool(parameters.get("along", 0))


def _panels(group: Group, parameters: Parameters) -> list[Run]:
    return unit_panels(group.kernels[0].output[-1], parameters["vectors"])


class _Pointwise:
    """Writes the loops over blocks of pixels, panels and tiles."""

    def __init__(self, group: Group, core: Core, parameters: Parameters) -> None:
        self.builder, self.core, self.parameters = Builder(), core, parameters
        self.kernel, self.group = group.kernels[0], group
        self.integers = Integers(self.builder, core, along=_along(parameters))
        height, width, self.depth = self.kernel.input
        self.pixels, self.channels = height * width, self.kernel.output[-1]
        self.groups = -(-self.depth // self.integers.group)
        self.panels = _panels(group, parameters)
        most = parameters.get("block", 0) or self.pixels
        self.blocks = balanced(self.pixels, most)
        self.copies = core.products == "pmaddwd" or self.depth % self.integers.group > 0
        self.row = whole_groups(self.integers, self.depth)
        dtype = self.integers.data_dtype
        inputs = max(run.size for run in self.blocks) * self.row if self.copies else 0
        self.widens = core.products == "pmaddwd"
        most = max(run.size for run in self.panels)
        widened = self.row * most if self.widens else 0
        self.inputs_size = inputs
        size = self.groups * self.integers.group * padded(self.channels)
        arrays = ((size, "int8"), (words_size(self.channels), "int32"))
        self.frame = frame(
            self.builder,
            group,
            weights=(*arrays, last_array(self.kernel)),
            scratch=inputs + widened,
            scratch_dtype=dtype,
        )
        self.output = IntegerOutput(self.integers, group, self.frame)

    def written(self) -> Generated:
        for blocks in self.blocks:

            def block(index: Index, blocks: Run = blocks) -> None:
                self._block(index * blocks.size + blocks.start, blocks.size)

            self.builder.loop(blocks.count, block, "block")
        return Generated(self.builder, self.frame)

    def _block(self, first: Index, pixels: int) -> None:
        source, start = self._source(first, pixels)
        for run in self.panels:

            def panel(index: Index, run: Run = run) -> None:
                channel = index * run.size + run.start
                at = channel * self.groups * self.integers.group
                weights = IntegerPanel(self.frame.weights[0], at, channel, run.size)
                self._tiles(source, start, self._widened(weights), first, pixels)

            self.builder.loop(run.count, panel, "panel")

    def _source(self, first: Index, pixels: int) -> tuple[Memory, Index]:
        """The memory that tiles read, and where the block starts in it."""
        data = self.frame.inputs[0]
        if not self.copies:
            return data, first * self.depth
        from tvm import tirx

        scratch = self.frame.scratch
        assert scratch is not None

        def pixel(index: Index) -> None:
            at, to = (first + index) * self.depth, index * self.row
            copy_row(self.integers, data, at, scratch, to, self.depth)
            fill = self.row - self.depth
            fill_row(self.integers, scratch, to + self.depth, tirx.const(0, "int8"), fill)

        self.builder.loop(pixels, pixel, "pixel")
        return scratch, 0

    def _widened(self, panel: IntegerPanel) -> IntegerPanel:
        if not self.widens:
            return panel
        scratch, (_, count) = self.frame.scratch, self.integers.vector
        assert scratch is not None

        def vector(index: Index) -> None:
            value = self.integers.values(panel.weights, panel.at + index * count)
            self.builder.store(scratch, self.inputs_size + index * count, value, count)

        self.builder.loop(self.row * panel.width // count, vector, "k")
        return IntegerPanel(scratch, self.inputs_size, panel.channel, panel.width)

    def _tiles(
        self, source: Memory, start: Index, panel: IntegerPanel, first: Index, pixels: int
    ) -> None:
        row = self.row if self.copies else self.depth
        for tiles in balanced(pixels, self.parameters["rows"]):

            def tile(index: Index, tiles: Run = tiles) -> None:
                pixel = index * tiles.size + tiles.start
                rows = [start + (pixel + it) * row for it in range(tiles.size)]
                whole = [IntegerSegment(0, 0, self.groups)]
                sums = multiply_integers(
                    self.integers, self.output.steps, panel, source, rows, whole
                )
                for number, registers in enumerate(sums):
                    self.output.write(first + pixel + number, panel.channel, registers)

            self.builder.loop(tiles.count, tile, "tile")

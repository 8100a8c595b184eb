"""1x1 convolutions as a matrix multiplication by register tiles.

A tile is a few pixels by a panel of output channels. Covered together with the convolution are the
gate before it (squeeze-and-excite's scale) and the mean over the image after it.

Parameters: `vectors`, the most registers of a panel; `rows`, the most pixels of a tile, 0 for as
many as fit; `block`, how many pixels all panels go over before the next ones, 0 for all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import (
    Builder,
    Index,
    Memory,
    Register,
    Value,
    broadcast,
    constant,
)
from mnv3gen.generate.cover import Lanes, Run, balanced, panels, vectors
from mnv3gen.generate.epilogue import activated
from mnv3gen.generate.group import Frame, Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.multiply import (
    Ahead,
    Segment,
    Tile,
    most_vectors,
    multiply,
    reads_by_lane,
    rows_of,
)
from mnv3gen.generate.packing import panels_with_bias
from mnv3gen.targets import Core

VERSION = 1
PREFETCHES = True
SHARE_OF_PEAK = 0.9

ROWS = (0, 2, 3, 4, 5, 6, 8)
BLOCKS = (0, 32, 64, 128, 256)
KIB = 1024
FLOAT_BYTES = 4


def accepts(group: Group, core: Core) -> bool:
    """[gate,] 1x1 convolution [, mean], each reading what the one before it makes."""
    kinds = tuple(kernel.kind for kernel in group.kernels)
    if kinds not in (("conv",), ("gate", "conv"), ("conv", "pool"), ("gate", "conv", "pool")):
        return False
    convolution = group.kernels[kinds.index("conv")]
    if kinds[0] == "gate" and (group.kernels[0].detail or group.reads[1][0] != 0):
        return False
    if "pool" in kinds and ("add" in convolution.epilogue or group.writes != (len(kinds) - 1,)):
        return False
    if any(read >= 0 for read in group.reads[kinds.index("conv")][1:]):
        return False  # the residual would be the gate's product
    plain = convolution.window == convolution.stride == 1 and not any(convolution.padding)
    return plain and group.writes == (len(kinds) - 1,) and _pixels(convolution.input) > 1


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"vectors": tuple(range(1, most_vectors(core) + 1)), "rows": ROWS, "block": BLOCKS}


def rule(group: Group, core: Core) -> Parameters:
    """The widest panel that leaves room for four rows; blocks of pixels that stay in the L2."""
    pixels, depth = _pixels(group.kernels[0].input), group.kernels[0].input[-1]
    parameters = {"vectors": most_vectors(core), "rows": 0, "block": 0}
    fitting = core.l2_kib * KIB * 3 // 5 // (depth * FLOAT_BYTES)
    if pixels > fitting and sum(run.count for run in _panels(group, core, parameters)) > 1:
        parameters["block"] = max(
            (block for block in BLOCKS if block <= fitting), default=BLOCKS[1]
        )
    return parameters


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """One array: panels with their bias."""
    ((weight, bias),) = [arrays for arrays in weights if arrays]
    return [panels_with_bias(weight, bias, _panels(group, core, parameters), group.storage)]


def cost(group: Group, core: Core) -> float:
    """Its tensors once, its arithmetic at the share of the peak that was measured."""
    return costs.cost(group, core, SHARE_OF_PEAK, costs.tensors(group))


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` is the number of cache lines to prefetch meanwhile."""
    builder = Builder()
    kernel = _Pointwise(builder, group, core, parameters, ahead)
    kernel.write()
    return Generated(builder, kernel.frame)


def _most_vectors(core: Core) -> int:
    return 4 if reads_by_lane(core) and core.vector_registers >= 32 else 3


def _pixels(shape: tuple[int, ...]) -> int:
    return shape[0] * shape[1]


def _panels(group: Group, core: Core, parameters: Parameters) -> list[Run]:
    convolution = next(kernel for kernel in group.kernels if kernel.kind == "conv")
    return panels(convolution.output[-1], lanes_of(core), parameters["vectors"])


class _Pointwise:
    """Writes the loops: blocks of pixels, panels of channels, tiles of pixels."""

    def __init__(
        self, builder: Builder, group: Group, core: Core, parameters: Parameters, lines: int
    ) -> None:
        kinds = [kernel.kind for kernel in group.kernels]
        self.builder, self.core = builder, core
        self.convolution = group.kernels[kinds.index("conv")]
        self.pixels, self.depth = _pixels(self.convolution.input), self.convolution.input[-1]
        self.channels = self.convolution.output[-1]
        self.gated, self.pooled = "gate" in kinds, "pool" in kinds
        self.panels = _panels(group, core, parameters)
        self.rows = parameters["rows"]
        block = self.pixels if self.pooled else parameters["block"] or self.pixels
        self.blocks = balanced(self.pixels, block)
        # A gate scales whichever is less: a panel of the weights, or all of the input.
        widest = max(run.size for run in self.panels)
        often = sum(run.count for run in self.blocks)
        self.scales_weights = self.gated and self.channels * often < 2 * self.pixels
        scratch = self.depth * widest if self.scales_weights else self.pixels * self.depth
        self.frame: Frame = frame(
            builder,
            group,
            weights=((self.channels * (self.depth + 1), group.storage),),
            ahead=bool(lines),
            scratch=scratch if self.gated else 0,
        )
        _, *residual = group.reads[kinds.index("conv")]
        self.added = [self.frame.inputs[-1 - read] for read in residual]
        self.ahead = Ahead(builder, self._tiles())
        if self.frame.ahead is not None:
            self.ahead.add(self.frame.ahead, lines)
        size, weights = self.channels * (self.depth + 1), self.frame.weights[0]
        if often == 1 and size * weights.item_bytes > core.l2_kib * KIB // 4:  # also the next panel
            start = self.panels[0].size * (self.depth + 1)
            self.ahead.add(weights, size // weights.line_elements, start)

    def write(self) -> None:
        if self.gated and not self.scales_weights:
            self._scale_input()
        for blocks in self.blocks:

            def block(index: Index, size: int = blocks.size, start: int = blocks.start) -> None:
                for run in self.panels:
                    self._panels_of(run, index * size + start, size)

            self.builder.loop(blocks.count, block, "block")

    def _panels_of(self, run: Run, pixel: Index, pixels: int) -> None:
        def panel(index: Index) -> None:
            channel = index * run.size + run.start
            columns = tuple(vectors(run.size, lanes_of(self.core)))
            at = channel * (self.depth + 1)
            weights, weights_at = self.frame.weights[0], at + run.size
            if self.scales_weights:
                weights, weights_at = self._scaled_panel(weights_at, run.size), 0
            tile = Tile(
                source=self._source(),
                weights=weights,
                at=weights_at,
                bias=self.frame.weights[0],
                bias_at=at,
                width=run.size,
                columns=columns,
                by_lane=reads_by_lane(self.core),
            )
            means = self._means(columns)
            for tiles in balanced(pixels, self._rows(len(columns))):

                def body(position: Index, tiles: Run = tiles) -> None:
                    first = pixel + position * tiles.size + tiles.start
                    self._tile(tile, first, tiles.size, channel, means)

                self.builder.loop(tiles.count, body, "tile")
            for mean, part in zip(means, columns if means else (), strict=True):
                value = mean.value * constant(1 / self.pixels, part.lanes)
                self.builder.store(self.frame.outputs[0], channel + part.offset, value, part.lanes)

        self.builder.loop(run.count, panel, "panel")

    def _tile(
        self, tile: Tile, first: Index, pixels: int, channel: Index, means: list[Register]
    ) -> None:
        starts = [(first + row) * self.depth for row in range(pixels)]
        sums = multiply(self.builder, tile, starts, [Segment(0, 0, self.depth)], self.ahead)
        for row, registers in enumerate(sums):
            for column, part in enumerate(tile.columns):
                value = activated(registers[column].value, self.convolution.epilogue, part.lanes)
                at = (first + row) * self.channels + channel + part.offset
                if means:
                    self.builder.set(means[column], means[column].value + value)
                else:
                    self._store(at, value, part)

    def _store(self, at: Index, value: Value, part: Lanes) -> None:
        for tensor in self.added:
            value = value + self.builder.load(tensor, at, part.lanes)
        self.builder.store(self.frame.outputs[0], at, value, part.lanes)

    def _means(self, columns: tuple[Lanes, ...]) -> list[Register]:
        if not self.pooled:
            return []
        return [self.builder.register(part.lanes, constant(0.0, part.lanes)) for part in columns]

    def _source(self) -> Memory:
        if self.gated and not self.scales_weights:
            assert self.frame.scratch is not None
            return self.frame.scratch
        return self.frame.inputs[0]

    def _scale_input(self) -> None:
        """Multiply every pixel by the gate, into the scratch memory."""
        data, gate = self.frame.inputs[:2]
        scratch = self.frame.scratch
        assert scratch is not None

        def pixel(index: Index) -> None:
            for run in panels(self.depth, lanes_of(self.core), 1):

                def body(number: Index, run: Run = run) -> None:
                    for part in vectors(run.size, lanes_of(self.core)):
                        channel = number * run.size + run.start + part.offset
                        at = index * self.depth + channel
                        value = self.builder.load(data, at, part.lanes)
                        value = value * self.builder.load(gate, channel, part.lanes)
                        self.builder.store(scratch, at, value, part.lanes)

                self.builder.loop(run.count, body, "c")

        self.builder.loop(self.pixels, pixel, "pixel")

    def _scaled_panel(self, at: Index, width: int) -> Memory:
        """Multiply a panel's weights by the gate, into the scratch memory."""
        scratch = self.frame.scratch
        assert scratch is not None

        def step(index: Index) -> None:
            scalar = self.builder.load(self.frame.inputs[1], index, 1)
            for part in vectors(width, lanes_of(self.core)):
                from_weights = at + index * width + part.offset
                value = self.builder.load(self.frame.weights[0], from_weights, part.lanes)
                value = value * broadcast(scalar, part.lanes)
                self.builder.store(scratch, index * width + part.offset, value, part.lanes)

        self.builder.loop(self.depth, step, "k")
        return scratch

    def _rows(self, registers: int) -> int:
        return rows_of(self.core, registers, self.rows)

    def _tiles(self) -> int:
        """How many tiles are computed in all."""
        count = 0
        for block in self.blocks:
            for run in self.panels:
                registers = len(vectors(run.size, lanes_of(self.core)))
                tiles = sum(part.count for part in balanced(block.size, self._rows(registers)))
                count += block.count * run.count * tiles
        return count

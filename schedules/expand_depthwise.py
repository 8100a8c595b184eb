"""A bneck's expansion and depthwise convolution together, panel by panel of channels.

The expanded tensor is never stored: a panel of its channels lives in a small ring of padded rows
from which the depthwise convolution reads, so that this has no edges either. The mean over the
image, squeeze-and-excite's first step, is summed up in registers.

Parameters: `vectors`, the most registers of a panel; `rows`, the most pixels of the expansion's
tiles, 0 for as many as fit; `pixels`, those of the depthwise tiles.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index, Value, constant
from mnv3gen.generate.convolve import column_tiles, convolve_row
from mnv3gen.generate.cover import Lanes, Run, Taps, balanced, panels, vectors
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.multiply import (
    Ahead,
    Tile,
    broadcasts_to_long,
    most_vectors,
    reads_by_lane,
    rows_of,
)
from mnv3gen.generate.packing import panels_with_bias
from mnv3gen.generate.ring import Ring, advance, clear_sides, padded_rows, slide_row, slots_for
from mnv3gen.targets import Core

VERSION = 1
PREFETCHES = True
SHARE_OF_PEAK = 0.85

PIXELS = 7


def accepts(group: Group, core: Core) -> bool:
    """A 1x1 convolution, a depthwise one, and maybe the mean of its output."""
    kinds = tuple(kernel.kind for kernel in group.kernels)
    if kinds not in (("conv", "dwconv"), ("conv", "dwconv", "pool")):
        return False
    expand, depthwise = group.kernels[:2]
    chained = group.reads[0] == (-1,) and group.reads[1] == (0,)
    written = group.writes == ((1,) if len(kinds) == 2 else (1, 2))
    if len(kinds) == 3 and group.reads[2] != (1,):
        return False
    plain = expand.window == expand.stride == 1 and not any(expand.padding)
    single = depthwise.stride <= (depthwise.window - 1) * depthwise.dilation + 1
    return plain and chained and written and single


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {
        "vectors": tuple(range(1, most_vectors(core) + 1)),
        "rows": (0, 2, 3, 4, 5, 6, 8),
        "pixels": (2, 3, 4, 5, 6, 7, 8),
    }


def rule(group: Group, core: Core) -> Parameters:
    """The widest panels, and seven pixels: the widths of these networks are multiples of it.

    Where inputs are broadcast to long vectors one register is as fast as several, and its ring of
    rows is small. On NEON a row that is a single tile of a large window has all its loads moved
    ahead: it is two.
    """
    by_lane, depthwise = reads_by_lane(core), group.kernels[1]
    alone = by_lane and depthwise.window > 3 and depthwise.output[1] <= PIXELS
    return {
        "vectors": 1 if broadcasts_to_long(core) else most_vectors(core),
        "rows": 0,
        "pixels": 4 if alone else PIXELS,
    }


def cost(group: Group, core: Core) -> float:
    """The input is gone over once a panel; the ring stays in the first cache."""
    expand = group.kernels[0]
    panels = -(-expand.output[-1] // (most_vectors(core) * lanes_of(core)))
    (_, *rest) = costs.tensors(group)
    return costs.cost(group, core, SHARE_OF_PEAK, [(costs.tensors(group)[0][0], panels), *rest])


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """One array: for every panel the expansion's bias and rows, then the depthwise ones."""
    (expand, expand_bias), (window, window_bias) = weights[:2]
    channels = expand_bias.size
    both = np.concatenate(
        [
            expand_bias.reshape(1, channels),
            expand.reshape(-1, channels),
            window_bias.reshape(1, channels),
            window.reshape(-1, channels),
        ]
    )
    runs = _panels(group, core, parameters)
    return [panels_with_bias(both[1:], both[0], runs, group.storage)]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` is the number of cache lines to prefetch meanwhile."""
    return _ExpandDepthwise(group, core, parameters, ahead).written()


def _panels(group: Group, core: Core, parameters: Parameters) -> list[Run]:
    return panels(group.kernels[0].output[-1], lanes_of(core), parameters["vectors"])


class _ExpandDepthwise:
    """Writes a loop over panels, in it a loop over rows."""

    def __init__(self, group: Group, core: Core, parameters: Parameters, lines: int) -> None:
        self.builder, self.core, self.parameters = Builder(), core, parameters
        self.expand, self.depthwise = group.kernels[:2]
        self.lanes = lanes_of(core)
        self.panels = _panels(group, core, parameters)
        self.depth, self.channels = self.expand.input[-1], self.expand.output[-1]
        self.steps = self.depth + self.depthwise.window**2 + 2  # rows of a panel, with two biases
        widest = max(run.size for run in self.panels)
        slots = slots_for(self.depthwise)
        # Few small rows are kept whole, so that borders are cleared only once a panel.
        ring = Ring(None, 0, self.depthwise, widest, slots)  # type: ignore[arg-type]
        if padded_rows(self.depthwise) * ring.row_elements * 4 <= core.l1d_kib * 1024:
            slots = padded_rows(self.depthwise)
        self.slots = slots
        self.frame = frame(
            self.builder,
            group,
            weights=((self.channels * self.steps, group.storage),),
            ahead=bool(lines),
            scratch=slots * ring.row_elements,
        )
        self.pooled = len(group.kernels) == 3
        self.ahead = Ahead(self.builder, self._tiles())
        if self.frame.ahead is not None:
            self.ahead.add(self.frame.ahead, lines)
        size, weights = self.channels * self.steps, self.frame.weights[0]
        if size * weights.item_bytes > core.l2_kib * 1024 // 4:  # also the next panel
            start = self.panels[0].size * self.steps
            self.ahead.add(weights, size // weights.line_elements, start)

    def written(self) -> Generated:
        for run in self.panels:

            def panel(index: Index, run: Run = run) -> None:
                self._panel(index * run.size + run.start, run.size)

            self.builder.loop(run.count, panel, "panel")
        return Generated(self.builder, self.frame)

    def _panel(self, channel: Index, width: int) -> None:
        builder, scratch = self.builder, self.frame.scratch
        assert scratch is not None
        ring = Ring(scratch, 0, self.depthwise, width, self.slots)
        columns = tuple(vectors(width, self.lanes))
        tile = self._tile(channel, width, columns)
        rows = rows_of(self.core, len(columns), self.parameters["rows"])
        clear_sides(builder, ring, self.lanes)
        self._for_parts(channel, columns, self._clear_mean)

        def produce(row: Index) -> None:
            start = ring.row(row + self.depthwise.padding[0])
            left = self.depthwise.padding[1]

            def finish(column: Index, part: Lanes, value: Value) -> None:
                at = start + (column + left) * width + part.offset
                builder.store(scratch, at, value, part.lanes)

            whole = Taps(0, 1, 0, 1)
            convolve_row(builder, self.expand, tile, row, whole, rows, finish, self.ahead)

        def consume(row: Index) -> None:
            # Tiles of different sizes are loops of their own, or LLVM would mix their loads.
            for run in balanced(self.depthwise.output[1], self.parameters["pixels"]):
                self._slide(ring, run, row, channel, columns)

        advance(builder, ring, produce, consume, self.lanes)
        self._for_parts(channel, columns, self._divide_mean)

    def _slide(
        self, ring: Ring, run: Run, row: Index, channel: Index, columns: tuple[Lanes, ...]
    ) -> None:
        """Some tiles of an output row of the depthwise convolution, each vector of the panel."""
        width, weights = ring.channels, self.frame.weights[0]
        at = channel * self.steps + (self.depth + 1) * width

        def part(first: Index, offset: Index, lanes: int) -> None:
            def finish(column: Index, values: list[Value]) -> None:
                self._store(row, column, values, first + offset, lanes)

            slide_row(
                self.builder,
                ring,
                weights,
                at,
                run.size,
                row,
                offset,
                lanes,
                finish,
                width,
                runs=(run,),
            )

        self._for_parts(channel, columns, part)

    def _for_parts(
        self,
        channel: Index,
        columns: tuple[Lanes, ...],
        body: Callable[[Index, Index, int], None],
    ) -> None:
        """Call `body` with the panel's channel, and offset and lanes of each of its vectors."""
        if len({part.lanes for part in columns}) > 1:
            for part in columns:
                body(channel, part.offset, part.lanes)
            return
        lanes = columns[0].lanes

        def part_of(index: Index) -> None:
            body(channel, index * lanes, lanes)

        self.builder.loop(len(columns), part_of, "part")

    def _clear_mean(self, channel: Index, offset: Index, lanes: int) -> None:
        if self.pooled:
            means = self.frame.outputs[1]
            self.builder.store(means, channel + offset, constant(0.0, lanes), lanes)

    def _divide_mean(self, channel: Index, offset: Index, lanes: int) -> None:
        if self.pooled:
            means = self.frame.outputs[1]
            height, width, _ = self.depthwise.output
            value = self.builder.load(means, channel + offset, lanes)
            value = value * constant(1 / (height * width), lanes)
            self.builder.store(means, channel + offset, value, lanes)

    def _tile(self, channel: Index, width: int, columns: tuple[Lanes, ...]) -> Tile:
        at = channel * self.steps
        weights = self.frame.weights[0]
        by_lane = reads_by_lane(self.core)
        return Tile(self.frame.inputs[0], weights, at + width, weights, at, width, columns, by_lane)

    def _store(
        self, row: Index, first: Index, values: list[Value], channel: Index, lanes: int
    ) -> None:
        _, width, depth = self.depthwise.output
        for pixel, value in enumerate(values):
            at = (row * width + first + pixel) * depth + channel
            self.builder.store(self.frame.outputs[0], at, value, lanes)
        if self.pooled:
            means = self.frame.outputs[1]
            total = self.builder.load(means, channel, lanes)
            for value in values:
                total = total + value
            self.builder.store(means, channel, total, lanes)

    def _tiles(self) -> int:
        """How many tiles the expansion has in all."""
        count = 0
        for run in self.panels:
            registers = len(vectors(run.size, self.lanes))
            rows = rows_of(self.core, registers, self.parameters["rows"])
            a_row = sum(tiles.count for _, tiles in column_tiles(self.expand, rows))
            count += run.count * a_row * self.expand.output[0]
        return count

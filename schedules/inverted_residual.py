"""A convolution, a depthwise convolution and a projection together, row by row.

The first convolution is a bneck's expansion or the stem. Its rows live in a ring of a few padded
rows, the depthwise row in a buffer of its own, so that large images are gone over once. The
residual comes from the group's input or, where the stem is the first, from the ring. It pays where
the weights stay in the caches while the rows go by; squeeze-and-excite in between rules it out.

Parameters: `vectors`, the most registers of a panel; `rows`, the most pixels of a tile of the two
dense convolutions, 0 for as many as fit; `pixels`, those of the depthwise tiles.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index, Memory, Value
from mnv3gen.generate.convolve import column_tiles, convolve_row, row_taps
from mnv3gen.generate.cover import Lanes, Run, Taps, panels, vectors
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.multiply import Ahead, Tile, most_vectors, reads_by_lane, rows_of
from mnv3gen.generate.packing import panels_with_bias
from mnv3gen.generate.ring import Ring, advance, clear_sides, slide_row, slots_for
from mnv3gen.targets import Core

VERSION = 1
PREFETCHES = True
SHARE_OF_PEAK = 0.85


def accepts(group: Group, core: Core) -> bool:
    """Convolution, depthwise convolution, 1x1 convolution, maybe with a residual."""
    if tuple(kernel.kind for kernel in group.kernels) != ("conv", "dwconv", "conv"):
        return False
    _, depthwise, project = group.kernels
    residual = group.reads[2][1:]
    chained = group.reads[:2] == ((-1,), (0,)) and group.reads[2][0] == 1
    plain = project.window == project.stride == 1 and not any(project.padding)
    fits = residual in ((), (-1,), (0,)) and (residual != (0,) or depthwise.stride == 1)
    single = depthwise.stride <= (depthwise.window - 1) * depthwise.dilation + 1
    return chained and plain and fits and single and group.writes == (2,)


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {
        "vectors": tuple(range(1, most_vectors(core) + 1)),
        "rows": (0, 2, 3, 4, 5, 6, 8),
        "pixels": (2, 3, 4, 5, 6, 7, 8),
    }


def rule(group: Group, core: Core) -> Parameters:
    """The widest panels, and seven pixels: the widths of these networks are multiples of it.

    A stem on NEON keeps to two registers by three rows: LLVM unrolls its short reduction and then
    wants registers.
    """
    if reads_by_lane(core) and group.kernels[0].window > 1:
        return {"vectors": 2, "rows": 3, "pixels": 7}
    return {"vectors": most_vectors(core), "rows": 0, "pixels": 7}


def cost(group: Group, core: Core) -> float:
    """The weights are gone over once a row, and so is the ring, which grows with the channels."""
    first, depthwise, project = group.kernels
    ring = slots_for(depthwise) * first.output[1] * first.output[2] * 4
    weights = group.item_bytes * (
        first.window**2 * first.input[-1] * first.output[-1]
        + depthwise.window**2 * depthwise.output[-1]
        + project.input[-1] * project.output[-1]
    )
    rows = depthwise.output[0]
    traffic = [*costs.tensors(group), (weights, rows), (ring, 2 * rows)]
    return costs.cost(group, core, SHARE_OF_PEAK, traffic)


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """One array: the three kernels' panels, each with its bias, one kernel after the other."""
    return [
        np.concatenate(
            [
                panels_with_bias(weight.reshape(-1, bias.size), bias, runs, group.storage)
                for (weight, bias), runs in zip(
                    weights, _panels(group, core, parameters), strict=True
                )
            ]
        )
    ]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` is the number of cache lines to prefetch meanwhile."""
    return _InvertedResidual(group, core, parameters, ahead).written()


def _panels(group: Group, core: Core, parameters: Parameters) -> list[list[Run]]:
    """Of each kernel; the depthwise one goes by single vectors."""
    lanes = lanes_of(core)
    first, depthwise, project = (kernel.output[-1] for kernel in group.kernels)
    most = parameters["vectors"]
    return [panels(first, lanes, most), panels(depthwise, lanes, 1), panels(project, lanes, most)]


class _InvertedResidual:
    """Writes a loop over rows, in it loops over the panels of each kernel."""

    def __init__(self, group: Group, core: Core, parameters: Parameters, lines: int) -> None:
        self.builder, self.core, self.parameters = Builder(), core, parameters
        self.group, self.lanes = group, lanes_of(core)
        self.first, self.depthwise, self.project = group.kernels
        self.panels = _panels(group, core, parameters)
        sizes = [_weights(kernel) for kernel in group.kernels]
        self.offsets = [0, sizes[0], sizes[0] + sizes[1]]
        depth = self.depthwise.output[-1]
        ring = Ring(None, 0, self.depthwise, depth, slots_for(self.depthwise))  # type: ignore[arg-type]
        row = self.depthwise.output[1] * depth
        self.frame = frame(
            self.builder,
            group,
            weights=((sum(sizes), group.storage),),
            ahead=bool(lines),
            scratch=ring.elements + row,
        )
        assert self.frame.scratch is not None
        self.ring = Ring(self.frame.scratch, 0, self.depthwise, depth, ring.slots)
        self.ahead = Ahead(self.builder, self._tiles())
        if self.frame.ahead is not None:
            self.ahead.add(self.frame.ahead, lines)

    def written(self) -> Generated:
        builder, ring = self.builder, self.ring
        clear_sides(builder, ring, self.lanes)
        inner = _inner_rows(self.first)
        alike = (inner.start, inner.start + inner.count)
        advance(builder, ring, self._produce, self._consume, self.lanes, alike)
        return Generated(builder, self.frame)

    def _produce(self, row: Index) -> None:
        """A row of the first convolution, into the ring."""
        start = self.ring.row(row + self.depthwise.padding[0])
        left, channels = self.depthwise.padding[1], self.ring.channels

        def panel(channel: Index, tile: Tile) -> None:
            def finish(column: Index, part: Lanes, value: Value) -> None:
                at = start + (column + left) * channels + channel + part.offset
                self.builder.store(self.ring.memory, at, value, part.lanes)

            rows = self._rows(tile)
            seen = _seen(self.first, row)
            convolve_row(self.builder, self.first, tile, row, seen, rows, finish, self.ahead)

        self._for_panels(0, self.frame.inputs[0], panel)

    def _consume(self, row: Index) -> None:
        """A row of the depthwise convolution, and its projection."""
        builder, memory = self.builder, self.ring.memory
        buffer, depth = self.ring.elements, self.ring.channels
        steps = self.depthwise.window**2 + 1
        for run in self.panels[1]:

            def group(index: Index, run: Run = run) -> None:
                channel = index * run.size + run.start
                for part in vectors(run.size, self.lanes):

                    def finish(first: Index, values: list[Value], part: Lanes = part) -> None:
                        for pixel, value in enumerate(values):
                            at = buffer + (first + pixel) * depth + channel + part.offset
                            builder.store(memory, at, value, part.lanes)

                    at, pixels = self.offsets[1] + channel * steps, self.parameters["pixels"]
                    slide_row(
                        builder,
                        self.ring,
                        self.frame.weights[0],
                        at,
                        pixels,
                        row,
                        part.offset,
                        part.lanes,
                        finish,
                        run.size,
                        channel,
                    )

            builder.loop(run.count, group, "channels")
        self._for_panels(2, memory, lambda channel, tile: self._projected(row, channel, tile))

    def _projected(self, row: Index, channel: Index, tile: Tile) -> None:
        builder, channels = self.builder, self.project.output[-1]
        width = self.project.output[1]

        def finish(column: Index, part: Lanes, value: Value) -> None:
            at = (row * width + column) * channels + channel + part.offset
            match self.group.reads[2][1:]:
                case (-1,):
                    value = value + builder.load(self.frame.inputs[0], at, part.lanes)
                case (0,):
                    center = self.ring.row(row + self.depthwise.padding[0])
                    offset = (column + self.depthwise.padding[1]) * channels + channel
                    inner = center + offset + part.offset
                    value = value + builder.load(self.ring.memory, inner, part.lanes)
            builder.store(self.frame.outputs[0], at, value, part.lanes)

        # The buffer has one row of the projection's input, which is taken for the image's first.
        whole = Taps(0, 1, 0, 1)
        convolve_row(builder, self.project, tile, 0, whole, self._rows(tile), finish)

    def _for_panels(self, number: int, source: Memory, body: Callable[[Index, Tile], None]) -> None:
        """Call `body` with the first channel and the tile of each panel of a dense kernel."""
        kernel = self.group.kernels[number]
        steps = kernel.window**2 * kernel.input[-1] + 1
        buffer = self.ring.elements if number == 2 else 0
        for run in self.panels[number]:

            def panel(index: Index, run: Run = run) -> None:
                channel = index * run.size + run.start
                at = self.offsets[number] + channel * steps
                weights = self.frame.weights[0]
                tile = Tile(
                    source=source,
                    weights=weights,
                    at=at + run.size,
                    bias=weights,
                    bias_at=at,
                    width=run.size,
                    columns=tuple(vectors(run.size, self.lanes)),
                    by_lane=reads_by_lane(self.core),
                    source_at=buffer,
                )
                body(channel, tile)

            self.builder.loop(run.count, panel, "panel")

    def _rows(self, tile: Tile) -> int:
        return rows_of(self.core, len(tile.columns), self.parameters["rows"])

    def _tiles(self) -> int:
        """How many tiles the first convolution has in all."""
        count = 0
        for run in self.panels[0]:
            registers = len(vectors(run.size, self.lanes))
            rows = rows_of(self.core, registers, self.parameters["rows"])
            a_row = sum(tiles.count for _, tiles in column_tiles(self.first, rows))
            count += run.count * a_row * self.first.output[0]
        return count


def _inner_rows(kernel: Kernel) -> Taps:
    """The output rows of a convolution that do not lie at an edge of the image."""
    return max(row_taps(kernel), key=lambda taps: taps.count)


def _seen(kernel: Kernel, row: Index) -> Taps:
    """What a row sees: of the rows whose number is known, each its own; else the inner ones."""
    if not isinstance(row, int):
        return _inner_rows(kernel)
    return next(taps for taps in row_taps(kernel) if row < taps.start + taps.count)


def _weights(kernel: Kernel) -> int:
    """Elements of a kernel's weights and bias."""
    depth = 1 if kernel.kind == "dwconv" else kernel.input[-1]
    return kernel.output[-1] * (kernel.window**2 * depth + 1)

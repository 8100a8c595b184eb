"""A whole bneck, panel by panel of the expanded channels, whose projections add up in the output.

The expanded tensor is never stored, and of the depthwise convolution's only a row of one panel is:
the ring stays in the first cache however wide the bneck. In return the output is gone over once a
panel. `inverted_residual.py` computes the same row by row with all channels.

Parameters: `vectors`, the most registers of a panel; `rows`, the most pixels of the convolutions'
tiles, 0 for as many as fit; `pixels`, those of the depthwise tiles.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index, Memory, Value
from mnv3gen.generate.convolve import column_tiles, convolve_row
from mnv3gen.generate.cover import Lanes, Run, Taps, panels, vectors
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
SHARE_OF_PEAK = 0.9

NARROW = 4  # pixels


def accepts(group: Group, core: Core) -> bool:
    """1x1 convolution, depthwise one, linear 1x1 convolution, maybe with the input added."""
    if tuple(kernel.kind for kernel in group.kernels) != ("conv", "dwconv", "conv"):
        return False
    expand, depthwise, project = group.kernels
    chained = group.reads[:2] == ((-1,), (0,)) and group.reads[2] in ((1,), (1, -1))
    plain = all(
        kernel.window == kernel.stride == 1 and not any(kernel.padding)
        for kernel in (expand, project)
    )
    linear = set(project.epilogue) <= {"bias", "add"}
    single = depthwise.stride <= (depthwise.window - 1) * depthwise.dilation + 1
    return chained and plain and linear and single and group.writes == (2,)


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {
        "vectors": tuple(range(1, most_vectors(core) + 1)),
        "rows": (0, 2, 3, 4, 5, 6, 8),
        "pixels": (2, 3, 4, 5, 6, 7, 8),
    }


def rule(group: Group, core: Core) -> Parameters:
    """The same as in `expand_depthwise.py`; of a narrow row one register's sums would be few."""
    single = broadcasts_to_long(core) and not _is_narrow(group)
    return {"vectors": 1 if single else most_vectors(core), "rows": 0, "pixels": 7}


def cost(group: Group, core: Core) -> float:
    """The input is read, and the output read and written, once a panel.

    Every row reads the weights; a narrow one of long vectors multiplies little by each.
    """
    expand = group.kernels[0]
    narrow = broadcasts_to_long(core) and _is_narrow(group)
    share = SHARE_OF_PEAK * (expand.output[1] / NARROW if narrow else 1)
    often = -(-expand.output[-1] // (rule(group, core)["vectors"] * lanes_of(core)))
    (source, _), *_, (result, _) = costs.tensors(group)
    return costs.cost(group, core, share, [(source, often), (result, 2 * often - 1)])


def _is_narrow(group: Group) -> bool:
    return group.kernels[0].output[1] < NARROW


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """One array: for every panel its expansion and depthwise rows, then its projection's.

    Each has a bias; that of the projection is zero but in the first panel.
    """
    (expand, expand_bias), (window, window_bias), (project, bias) = weights
    channels, outputs = expand_bias.size, bias.size
    slid = np.concatenate([window_bias.reshape(1, channels), window.reshape(-1, channels)])
    both = np.concatenate([expand.reshape(-1, channels), slid])
    projected, lanes = project.reshape(channels, outputs), lanes_of(core)
    packed = []
    for run in _panels(group, core, parameters):
        for start in range(run.start, run.stop, run.size):
            own = slice(start, start + run.size)
            whole = [Run(0, run.size, 1)]
            first = expand_bias.ravel()[own]
            packed.append(panels_with_bias(both[:, own], first, whole, group.storage))
            last = bias.ravel() if start == 0 else np.zeros_like(bias.ravel())
            runs = panels(outputs, lanes, most_vectors(core))
            packed.append(panels_with_bias(projected[own], last, runs, group.storage))
    return [np.concatenate(packed)]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` is the number of cache lines to prefetch meanwhile."""
    return _PanelResidual(group, core, parameters, ahead).written()


def _panels(group: Group, core: Core, parameters: Parameters) -> list[Run]:
    """Of the expanded channels, the first one alone: it writes what the others add to."""
    first, *rest = panels(group.kernels[0].output[-1], lanes_of(core), parameters["vectors"])
    alone = Run(first.start, first.size, 1)
    if first.count > 1:
        rest = [Run(first.start + first.size, first.size, first.count - 1), *rest]
    return [alone, *rest]


class _PanelResidual:
    """Writes a loop over panels, in it a loop over rows."""

    def __init__(self, group: Group, core: Core, parameters: Parameters, lines: int) -> None:
        self.builder, self.core, self.parameters = Builder(), core, parameters
        self.expand, self.depthwise, self.project = group.kernels
        self.residual, self.lanes = group.reads[2][1:] == (-1,), lanes_of(core)
        self.panels = _panels(group, core, parameters)
        self.depth, self.outputs = self.expand.input[-1], self.project.output[-1]
        self.steps = self.depth + self.depthwise.window**2 + 2  # rows of a panel, with two biases
        widest = max(run.size for run in self.panels)
        slots = slots_for(self.depthwise)
        # Few small rows are kept whole, so that borders are cleared only once a panel.
        ring = Ring(None, 0, self.depthwise, widest, slots)  # type: ignore[arg-type]
        if padded_rows(self.depthwise) * ring.row_elements * 4 <= core.l1d_kib * 1024:
            slots = padded_rows(self.depthwise)
        self.slots = slots
        self.buffer = slots * ring.row_elements  # where the row to be projected starts
        channels = self.expand.output[-1]
        count = sum(run.count for run in self.panels)
        size = channels * (self.steps + self.outputs) + count * self.outputs
        self.frame = frame(
            self.builder,
            group,
            weights=((size, group.storage),),
            ahead=bool(lines),
            scratch=self.buffer + self.depthwise.output[1] * widest,
        )
        self.ahead = Ahead(self.builder, self._tiles())
        if self.frame.ahead is not None:
            self.ahead.add(self.frame.ahead, lines)

    def written(self) -> Generated:
        at = 0
        for number, run in enumerate(self.panels):
            size = run.size * (self.steps + self.outputs) + self.outputs

            def panel(
                index: Index, run: Run = run, at: int = at, size: int = size, number: int = number
            ) -> None:
                self._panel(index * size + at, run.size, number == 0)

            self.builder.loop(run.count, panel, "panel")
            at += run.count * size
        return Generated(self.builder, self.frame)

    def _panel(self, at: Index, width: int, first: bool) -> None:
        """The panel of `width` channels whose weights start at `at`."""
        builder, scratch = self.builder, self.frame.scratch
        assert scratch is not None
        ring = Ring(scratch, 0, self.depthwise, width, self.slots)
        columns = tuple(vectors(width, self.lanes))
        source, weights = self.frame.inputs[0], self.frame.weights[0]
        expansion = self._tile(source, at + width, at, width, columns)
        rows = rows_of(self.core, len(columns), self.parameters["rows"])
        clear_sides(builder, ring, self.lanes)

        def produce(row: Index) -> None:
            start = ring.row(row + self.depthwise.padding[0])
            left = self.depthwise.padding[1]

            def finish(column: Index, part: Lanes, value: Value) -> None:
                to = start + (column + left) * width + part.offset
                builder.store(scratch, to, value, part.lanes)

            whole = Taps(0, 1, 0, 1)
            convolve_row(builder, self.expand, expansion, row, whole, rows, finish, self.ahead)

        def consume(row: Index) -> None:
            from_weights, pixels = at + (self.depth + 1) * width, self.parameters["pixels"]
            for part in columns:

                def finish(column: Index, values: list[Value], part: Lanes = part) -> None:
                    for pixel, value in enumerate(values):
                        to = self.buffer + (column + pixel) * width + part.offset
                        builder.store(scratch, to, value, part.lanes)

                slide_row(
                    builder,
                    ring,
                    weights,
                    from_weights,
                    pixels,
                    row,
                    part.offset,
                    part.lanes,
                    finish,
                    width,
                )
            self._project(row, at + self.steps * width, width, first)

        advance(builder, ring, produce, consume, self.lanes)

    def _project(self, row: Index, at: Index, width: int, first: bool) -> None:
        """A row of the panel's share of the projection, written or added to the output."""
        builder, scratch, output = self.builder, self.frame.scratch, self.frame.outputs[0]
        assert scratch is not None
        columns = self.project.output[1]
        # The buffer has one row, which is taken for the image's first.
        share = replace(self.project, input=(1, columns, width), output=(1, columns, self.outputs))
        for run in panels(self.outputs, self.lanes, most_vectors(self.core)):

            def panel(index: Index, run: Run = run) -> None:
                channel = index * run.size + run.start
                bias = at + channel * (width + 1)
                parts = tuple(vectors(run.size, self.lanes))
                tile = self._tile(scratch, bias + run.size, bias, run.size, parts, self.buffer)

                def finish(column: Index, part: Lanes, value: Value) -> None:
                    to = (row * columns + column) * self.outputs + channel + part.offset
                    added = self.frame.inputs[0] if first else output
                    if self.residual or not first:
                        value = value + builder.load(added, to, part.lanes)
                    builder.store(output, to, value, part.lanes)

                rows = rows_of(self.core, len(parts), self.parameters["rows"])
                convolve_row(builder, share, tile, 0, Taps(0, 1, 0, 1), rows, finish)

            builder.loop(run.count, panel, "panel")

    def _tile(
        self,
        source: Memory,
        at: Index,
        bias: Index,
        width: int,
        columns: tuple[Lanes, ...],
        source_at: int = 0,
    ) -> Tile:
        weights, by_lane = self.frame.weights[0], reads_by_lane(self.core)
        return Tile(source, weights, at, weights, bias, width, columns, by_lane, source_at)

    def _tiles(self) -> int:
        """How many tiles the expansion has in all."""
        count = 0
        for run in self.panels:
            registers = len(vectors(run.size, self.lanes))
            rows = rows_of(self.core, registers, self.parameters["rows"])
            a_row = sum(tiles.count for _, tiles in column_tiles(self.expand, rows))
            count += run.count * a_row * self.expand.output[0]
        return count

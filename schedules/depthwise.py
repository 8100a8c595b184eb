"""Depthwise convolutions: tiles of pixels of one row by one vector of channels.

The image's edges are tiles of their own that leave out the taps outside of it, so that nothing is
padded or tested at run time. The mean over the image, squeeze-and-excite's first step, is summed up
while the output is written.

Parameters: `pixels` of a tile; `channels_first`, 1 to go over a row's tiles inside of the loop over
channels, 0 for the other way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index, constant
from mnv3gen.generate.convolve import column_taps, row_taps
from mnv3gen.generate.cover import Run, Taps, balanced, panels, vectors
from mnv3gen.generate.epilogue import activated
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.multiply import reads_by_lane
from mnv3gen.generate.packing import panels_with_bias
from mnv3gen.generate.window import Tap, TapRow, slide
from mnv3gen.targets import Core

VERSION = 1
SHARE_OF_PEAK = 0.55


def accepts(group: Group, core: Core) -> bool:
    """A depthwise convolution, alone or with the mean of its output."""
    kinds = tuple(kernel.kind for kernel in group.kernels)
    if kinds == ("dwconv", "pool"):
        return group.reads[1] == (0,) and group.writes in ((0, 1), (1,))
    return kinds == ("dwconv",) and "add" not in group.kernels[0].epilogue


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"pixels": (1, 2, 3, 4, 5, 6, 7, 8), "channels_first": (0, 1)}


def rule(group: Group, core: Core) -> Parameters:
    """Seven pixels: the widths of these networks are multiples of it.

    Large windows two pixels apart share too few inputs: on NEON, LLVM would spill some of them.
    """
    kernel = group.kernels[0]
    apart = reads_by_lane(core) and kernel.stride > 1 and kernel.window > 3
    return {"pixels": 4 if apart else 7, "channels_first": 0}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """One array: for every vector of channels its bias, then its taps."""
    weight, bias = weights[0]
    channels = group.kernels[0].output[-1]
    matrix = weight.reshape(-1, channels)
    return [panels_with_bias(matrix, bias, _parts(group, core), group.storage)]


def cost(group: Group, core: Core) -> float:
    """Its tensors once, its arithmetic at the share of the peak that was measured.

    Taps outside of the image are left out: 31 % of those of 5x5 over 7x7 pixels.
    """
    kernel = group.kernels[0]
    rows, columns = (
        sum(taps.count * (taps.last - taps.first) for taps in along(kernel))
        for along in (row_taps, column_taps)
    )
    madds = rows * columns * kernel.output[-1]
    return costs.cost(group, core, SHARE_OF_PEAK, costs.tensors(group), madds)


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    return _Depthwise(group, core, parameters).written()


def _parts(group: Group, core: Core) -> list[Run]:
    """The channels one vector at a time; the last ones are a group of smaller vectors."""
    return panels(group.kernels[0].output[-1], lanes_of(core), 1)


@dataclass(frozen=True)
class _Tiles:
    """`run.count` tiles of a row's pixels; `seen` has each pixel's taps, alike in every tile."""

    run: Run
    seen: tuple[Taps, ...]


@dataclass(frozen=True)
class _Channels:
    """One vector of channels, from `first` on, in a group of `width` that starts at `group`."""

    group: Index
    width: int
    offset: int
    lanes: int

    @property
    def first(self) -> Index:
        return self.group + self.offset


class _Depthwise:
    """Writes the loops over rows, tiles and channels."""

    def __init__(self, group: Group, core: Core, parameters: Parameters) -> None:
        self.builder = Builder()
        self.kernel = group.kernels[0]
        self.lanes = lanes_of(core)
        self.parts = _parts(group, core)
        self.channels_first = bool(parameters["channels_first"])
        self.tiles = list(_tiles(self.kernel, parameters["pixels"]))
        self.steps = self.kernel.window**2 + 1  # the bias and the taps
        channels = self.kernel.output[-1]
        self.frame = frame(self.builder, group, weights=((channels * self.steps, group.storage),))
        self.output = self.frame.outputs[0] if 0 in group.writes else None
        self.means = self.frame.outputs[-1] if len(group.kernels) > 1 else None

    def written(self) -> Generated:
        if self.means is not None:
            self._for_channels(self._clear)
        for seen in row_taps(self.kernel):

            def row(index: Index, seen: Taps = seen) -> None:
                self._row(index + seen.start, seen)

            self.builder.loop(seen.count, row, "row")
        if self.means is not None:
            self._for_channels(self._divide)
        return Generated(self.builder, self.frame)

    def _row(self, row: Index, seen: Taps) -> None:
        def over_tiles(channels: _Channels) -> None:
            for tiles in self.tiles:
                self._for_tiles(tiles, lambda at, it: self._tile(row, seen, at, it, channels))

        def over_channels(first: Index, tiles: _Tiles) -> None:
            self._for_channels(lambda channels: self._tile(row, seen, first, tiles, channels))

        if self.channels_first:
            self._for_channels(over_tiles)
        else:
            for tiles in self.tiles:
                self._for_tiles(tiles, over_channels)

    def _tile(
        self, row: Index, seen: Taps, first: Index, tiles: _Tiles, channels: _Channels
    ) -> None:
        kernel, builder = self.kernel, self.builder
        depth, lanes = kernel.output[-1], channels.lanes
        rows = [
            TapRow(
                self._start(row, down, first, channels),
                tuple(
                    Tap(right * kernel.dilation * depth, self._at(down, right, channels), seen_by)
                    for right in range(kernel.window)
                    if (seen_by := _seeing(tiles, right))
                ),
            )
            for down in range(seen.first, seen.last)
        ]
        bias = channels.group * self.steps + channels.offset
        pixels, step = tiles.run.size, kernel.stride * depth
        source, weights = self.frame.inputs[0], self.frame.weights[0]
        sums = slide(builder, source, weights, bias, pixels, step, rows, lanes)
        values = [activated(register.value, kernel.epilogue, lanes) for register in sums]
        if self.means is not None:
            values = [builder.register(lanes, value).value for value in values]
            total = builder.load(self.means, channels.first, lanes)
            for value in values:
                total = total + value
            builder.store(self.means, channels.first, total, lanes)
        if self.output is not None:
            for pixel, value in enumerate(values):
                at = (row * kernel.output[1] + first + pixel) * depth + channels.first
                builder.store(self.output, at, value, lanes)

    def _start(self, row: Index, down: int, column: Index, channels: _Channels) -> Index:
        """The element under a pixel's first tap of a row, which may lie left of the image."""
        _, width, depth = self.kernel.input
        top, left = self.kernel.padding[:2]
        y = row * self.kernel.stride - top + down * self.kernel.dilation
        x = column * self.kernel.stride - left
        return (y * width + x) * depth + channels.first

    def _at(self, down: int, right: int, channels: _Channels) -> Index:
        tap = down * self.kernel.window + right
        return channels.group * self.steps + (tap + 1) * channels.width + channels.offset

    def _clear(self, channels: _Channels) -> None:
        assert self.means is not None
        self.builder.store(
            self.means, channels.first, constant(0.0, channels.lanes), channels.lanes
        )

    def _divide(self, channels: _Channels) -> None:
        assert self.means is not None
        height, width, _ = self.kernel.output
        value = self.builder.load(self.means, channels.first, channels.lanes)
        value = value * constant(1 / (height * width), channels.lanes)
        self.builder.store(self.means, channels.first, value, channels.lanes)

    def _for_channels(self, body: Callable[[_Channels], None]) -> None:
        for run in self.parts:

            def part(index: Index, run: Run = run) -> None:
                group = index * run.size + run.start
                for piece in vectors(run.size, self.lanes):
                    body(_Channels(group, run.size, piece.offset, piece.lanes))

            self.builder.loop(run.count, part, "channels")

    def _for_tiles(self, tiles: _Tiles, body: Callable[[Index, _Tiles], None]) -> None:
        def tile(index: Index) -> None:
            body(index * tiles.run.size + tiles.run.start, tiles)

        self.builder.loop(tiles.run.count, tile, "tile")


def _seeing(tiles: _Tiles, tap: int) -> tuple[int, ...]:
    """The pixels of a tile whose window has a tap inside of the image."""
    return tuple(pixel for pixel, seen in enumerate(tiles.seen) if seen.first <= tap < seen.last)


def _tiles(kernel: Kernel, pixels: int) -> Iterator[_Tiles]:
    """Cover a row by tiles; those that see the same taps and lie side by side are one loop."""
    by_column = [seen for seen in column_taps(kernel) for _ in range(seen.count)]
    pending: _Tiles | None = None
    for run in balanced(kernel.output[1], pixels):
        for start in range(run.start, run.stop, run.size):
            seen = tuple(by_column[start : start + run.size])
            if pending is not None and pending.seen == seen:
                merged = Run(pending.run.start, run.size, pending.run.count + 1)
                pending = _Tiles(merged, seen)
            else:
                if pending is not None:
                    yield pending
                pending = _Tiles(Run(start, run.size, 1), seen)
    if pending is not None:
        yield pending

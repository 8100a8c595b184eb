"""Depthwise convolutions of int8: rows of the window are laid together, then summed as products.

Of a few output rows, the input rows under them are laid together in groups of as many as a product
instruction sums (`mnv3gen/generate/interleave.py`), with padding where there is no image. Then a
tile of pixels by two vectors of channels takes every group under its window. A group reaches over
the window's edge where rows are no multiple of it; the weights are zero there.

Parameters: `rows`, output rows of a tile; `pixels` of its columns; `block`, the channels in units
of 16 that are laid together before they are summed, 0 for all; where each row lies apart, `tiles`,
those one under the other that share the laid rows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index, Register
from mnv3gen.generate.cover import Run, balanced, panels
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integer_output import IntegerOutput
from mnv3gen.generate.integer_window import Bands, Tap, Taps, bands_of, group_weights
from mnv3gen.generate.integers import ROW_GROUPS, UNIT, Integers
from mnv3gen.generate.interleave import CHUNK, Rows, fill_columns, interleave
from mnv3gen.generate.requantize import (
    constants_of,
    last_array,
    pack_last,
    pack_words,
    padded,
    words_size,
)
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"
SHARE_OF_CACHE = 0.75
SHARE_OF_PEAK = 0.5  # of that of float32
BAND = 8  # output rows


def accepts(group: Group, core: Core) -> bool:
    """One depthwise convolution."""
    return [kernel.kind for kernel in group.kernels] == ["dwconv"]


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    tile = {"rows": (1, 2, 4), "pixels": (1, 2, 3, 4, 5, 7), "block": (0, 1, 2, 4)}
    return {**tile, "tiles": (1, 2, 4, 8)} if _lie_apart(core) else tile


def rule(group: Group, core: Core) -> Parameters:
    """Two rows share what is laid together; their sums fill half of the registers.

    Of 32-bit ARM one row's sums do: more of its pixels see a weight than pixels of two rows do.
    """
    few = core.vector_registers <= 16
    one = few and core.products == "smlal"
    tile = {"rows": 1 if one else 2, "pixels": 2 if few and not one else 4, "block": 4}
    if not _lie_apart(core):
        return tile
    return {**tile, "tiles": _tiles(group.kernels[0], core, tile["rows"], tile["block"] * CHUNK)}


def _tiles(kernel: Kernel, core: Core, rows: int, channels: int) -> int:
    """Those of eight rows where what is laid together stays in the first cache, else of four.

    Of small images it is one tile, if that has rows that share.
    """
    if kernel.output[0] <= BAND:
        return 1 if rows > 1 else BAND // 2
    laid = (BAND - 1) * kernel.stride + kernel.window
    size = 2 * laid * kernel.input[1] * min(channels, kernel.output[-1])
    fits = size <= core.l1d_kib * 1024 * SHARE_OF_CACHE
    return (BAND if fits else BAND // 2) // rows


def _lie_apart(core: Core) -> bool:
    return ROW_GROUPS[core.products] == 1


def cost(group: Group, core: Core) -> float:
    """Its tensors once, its arithmetic at the share of the peak that was measured."""
    return costs.cost(group, core, SHARE_OF_PEAK, costs.tensors(group))


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """For each vector of channels the taps in the order in which they are read; 16 of padding."""
    kernel = group.kernels[0]
    constants = constants_of(kernel, weights[0])
    integers = Integers(Builder(), core, by_rows=True)
    taps, lanes = Taps(kernel, integers.group, parameters["rows"]), integers.loaded
    channels = padded(kernel.output[-1])
    filled = np.zeros((*constants.weight.shape[:2], channels), np.int8)
    filled[..., : kernel.output[-1]] = constants.weight[..., 0]
    groups = [group_weights(filled, taps, tap) for tap in taps.listed()]
    vectors = [
        np.concatenate([values[:, at : at + lanes].T.ravel() for values in groups])
        for at in range(0, channels, lanes)
    ]
    return [
        np.concatenate(vectors).astype(_weight_dtype(integers)),
        np.full(CHUNK, constants.pad, np.int8),
        pack_words(core, constants),
        pack_last(kernel, constants),
    ]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    return _Depthwise(group, core, parameters).written()


class _Depthwise:
    """Writes the loops over bands of rows, blocks of channels, tiles."""

    def __init__(self, group: Group, core: Core, parameters: Parameters) -> None:
        self.builder, self.kernel = Builder(), group.kernels[0]
        self.integers = Integers(self.builder, core, by_rows=True)
        self.pixels = parameters["pixels"]
        self.taps = Taps(self.kernel, self.integers.group, parameters["rows"])
        rows = self.taps.rows * parameters.get("tiles", 1)
        self.band = Taps(self.kernel, self.integers.group, rows)
        self.listed = {tap: index for index, tap in enumerate(self.taps.listed())}
        _, left, _, right = self.kernel.padding
        self.channels, self.left = self.kernel.output[-1], left
        self.columns = self.kernel.input[1] + left + right
        self.blocks = _blocks(self.channels, parameters["block"])
        most = max(padded(run.size) for run in self.blocks)
        self.step = -(-most // CHUNK) * CHUNK * self.integers.group  # from column to column
        size = padded(self.channels) * len(self.listed) * self.integers.group
        self.frame = frame(
            self.builder,
            group,
            weights=(
                (size, _weight_dtype(self.integers)),
                (CHUNK, "int8"),
                (words_size(self.channels), "int32"),
                last_array(self.kernel),
            ),
            scratch=self.band.groups(self.band.rows) * self.columns * self.step,
            scratch_dtype=self.integers.data_dtype,
        )
        self.weights = self.frame.weights[0]
        self.output = IntegerOutput(self.integers, group, self.frame)
        self.pad = self.builder.load(self.frame.weights[1], 0, CHUNK)
        assert self.frame.scratch is not None
        self.scratch = self.frame.scratch

    def written(self) -> Generated:
        self._fill_sides()
        for bands in bands_of(self.kernel, self.band):

            def band(index: Index, bands: Bands = bands) -> None:
                row = index * bands.rows + bands.start
                for run in self.blocks:

                    def block(number: Index, run: Run = run) -> None:
                        self._block(row, bands, number * run.size + run.start, run.size)

                    self.builder.loop(run.count, block, "block")

            self.builder.loop(bands.count, band, "band")
        return Generated(self.builder, self.frame)

    def _fill_sides(self) -> None:
        """The padding left and right of the image, which no row overwrites."""
        right = self.columns - self.left - self.kernel.input[1]
        for group in range(self.band.groups(self.band.rows)):
            first = group * self.columns
            for column, count in ((first, self.left), (first + self.columns - right, right)):
                at, elements = column * self.step, count * self.step
                fill_columns(self.integers, self.pad, self.scratch, at, elements)

    def _block(self, row: Index, bands: Bands, channel: Index, count: int) -> None:
        self._lay(row, bands, channel, count)
        two = 2 * self.integers.lanes  # vectors: what int16 has in one

        def piece(index: Index) -> None:
            self._piece(row, bands, channel, index * two, 2)

        self.builder.loop(count // two, piece, "piece")
        for at in range(count // two * two, count, UNIT):
            self._piece(row, bands, channel, at, UNIT // self.integers.lanes)

    def _lay(self, row: Index, bands: Bands, channel: Index, count: int) -> None:
        _, width, depth = self.kernel.input
        top = self.kernel.padding[0]
        for group in range(self.taps.groups(bands.rows)):
            first = group * self.taps.size
            numbers = range(first, min(first + self.taps.size, len(bands.inside)))
            starts = [
                ((row * self.kernel.stride - top + number * self.kernel.dilation) * width) * depth
                + channel
                if bands.inside[number]
                else None
                for number in numbers
            ]
            rows = Rows(self.frame.inputs[0], starts, width, depth, self.pad)
            at = (group * self.columns + self.left) * self.step
            interleave(self.integers, rows, count, self.scratch, at, self.step)

    def _piece(self, row: Index, bands: Bands, channel: Index, at: Index, vectors: int) -> None:
        """Vectors of channels, from `at` on of a block that starts at `channel`."""
        rows = self.taps.rows
        tall = Run(0, rows, bands.rows // rows)
        rest = Run(tall.stop, bands.rows - tall.stop, 1)
        for tiles in (tall, rest) if rest.size else (tall,):

            def tile(index: Index, tiles: Run = tiles) -> None:
                down = index * tiles.size + tiles.start
                self._tiles(row, down, tiles.size, channel, at, vectors)

            self.builder.loop(tiles.count, tile, "tiles")

    def _tiles(
        self, row: Index, down: Index, rows: int, channel: Index, at: Index, vectors: int
    ) -> None:
        """Tiles side by side, `down` rows under the band's first, `row`."""
        for run in balanced(self.kernel.output[1], self.pixels):

            def tile(index: Index, run: Run = run) -> None:
                first = index * run.size + run.start
                sums = self._sums(rows, down, first, run.size, channel + at, at, vectors)
                for number, pixels in enumerate(sums):
                    start = (row + down + number) * self.kernel.output[1] + first
                    for pixel, registers in enumerate(pixels):
                        self.output.write(start + pixel, channel + at, registers)

            self.builder.loop(run.count, tile, "tile")

    def _sums(
        self,
        rows: int,
        down: Index,
        first: Index,
        pixels: int,
        channel: Index,
        at: Index,
        vectors: int,
    ) -> list[list[list[Register]]]:
        """Of each output row and pixel the sums of each vector."""
        builder, lanes, steps = self.builder, self.integers.lanes, self.output.steps
        biases = [steps.bias(channel + it * lanes) for it in range(vectors)]
        sums = [
            [[builder.register(lanes, bias, "int32") for bias in biases] for _ in range(pixels)]
            for _ in range(rows)
        ]
        self.weights = builder.fresh(self.frame.weights[0])
        laid = down * self.kernel.stride * self.columns * self.step  # rows lie apart or down is 0
        start = laid + first * (self.kernel.stride * self.step) + at * self.integers.group
        for groups in self._alike(rows):

            def group(index: Index, first: int = groups.start) -> None:
                self._add_group(first, index, start, channel, sums)

            if self.integers.is_arm32:  # in straight code LLVM loads all of it first, and spills
                self.builder.loop(groups.count, group, "group")
            else:
                for number in range(groups.count):
                    group(number)
        return sums

    def _alike(self, rows: int) -> list[Run]:
        """Runs of groups under `rows` output rows that the same rows of a whole tile see."""
        users = [self.taps.users(it, self.taps.rows) for it in range(self.taps.groups(rows))]
        changes = [it for it in range(1, len(users)) if users[it] != users[it - 1]]
        return [Run(a, 1, b - a) for a, b in pairwise([0, *changes, len(users)])]

    def _add_group(
        self,
        first: int,
        index: Index,
        start: Index,
        channel: Index,
        sums: list[list[list[Register]]],
    ) -> None:
        """Each laid column is loaded once and multiplied into all sums that see it.

        The group is `index` after `first`, which the same rows see; the first column of the first
        group starts at `start`.
        """
        kernel, integers = self.kernel, self.integers
        pixels, vectors = len(sums[0]), len(sums[0][0])
        users = self.taps.users(first, len(sums))
        taps = kernel.window * len(self.taps.users(first, self.taps.rows))
        each = integers.loaded // integers.lanes  # vectors of sums
        for vector in range(0, vectors, each):
            weights = {
                (column, row): self._weights(
                    self.listed[Tap(first, column, row)] + index * taps,
                    channel,
                    vector,
                )
                for column in range(kernel.window)
                for row in users
            }
            uses: dict[int, list[tuple[list[Register], Register]]] = {}
            for (column, row), weight in weights.items():
                for pixel in range(pixels):
                    seen = pixel * kernel.stride + column * kernel.dilation
                    totals = sums[row][pixel][vector : vector + each]
                    uses.setdefault(seen, []).append((totals, weight))
            for seen, products in sorted(uses.items()):
                place = start + ((index + first) * self.columns + seen) * self.step
                place = place + vector * integers.lanes * integers.group
                dtype, count = integers.vector
                data = self.builder.register(count, integers.values(self.scratch, place), dtype)
                for totals, weight in products:
                    for number, total in enumerate(totals):
                        shares = (integers.share(it.value, number) for it in (data, weight))
                        self.builder.set(total, integers.dot(total.value, *shares))

    def _weights(self, tap: Index, channel: Index, vector: int) -> Register:
        integers = self.integers
        dtype, count = integers.vector
        size = integers.loaded * integers.group
        start = (channel + vector * integers.lanes) * (len(self.listed) * integers.group)
        value = integers.values(self.weights, start + tap * size)
        return self.builder.register(count, value, dtype)


def _weight_dtype(integers: Integers) -> str:
    """As they are multiplied, except with AVX2, which widens as fast as it loads."""
    return "int16" if integers.multiplies_halves else "int8"


def _blocks(channels: int, chunks: int) -> list[Run]:
    """Channels in blocks of about one size; those that fill no unit are the last block."""
    return panels(channels, UNIT, CHUNK // UNIT * chunks or -(-channels // UNIT))

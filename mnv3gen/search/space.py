"""`Space`: networks that differ from a seed's by a choice for every block.

A space is a TOML file (docs/latency.md): a seed table, and for each block the same choices of a
layer, of its filters and of how often it is repeated. A point is one `Block` a block; every point
is a table, and every such table is a point again.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

from mnv3gen.errors import InputError
from mnv3gen.search.layers import Layer, Place, append
from mnv3gen.tables.channels import make_divisible
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.shapes import Shape, row_shapes


@dataclass(frozen=True)
class Block:
    """A layer and how often it is repeated."""

    layer: Layer
    layers: int


Point: TypeAlias = tuple[Block, ...]


@dataclass(frozen=True)
class Seed:
    """A block of the seed: channels, layers, the stride of the first, the nonlinearity."""

    out: int
    layers: int
    stride: int
    nonlinearity: str


@dataclass(frozen=True)
class Space:
    """The choices; `filters` and `layers` are relative to the seed's blocks."""

    name: str
    seed: Network
    operators: tuple[str, ...]
    kernels: tuple[int, ...]
    squeeze: tuple[bool, ...]
    skip: tuple[str, ...]
    filters: tuple[Fraction, ...]
    layers: tuple[int, ...]

    @cached_property
    def _parts(self) -> tuple[tuple[Row, ...], tuple[Seed, ...], tuple[Row, ...]]:
        return _split(self.seed)

    @property
    def blocks(self) -> tuple[Seed, ...]:
        """The seed's blocks."""
        return self._parts[1]

    def choices(self, number: int) -> tuple[Block, ...]:
        """What a block may be."""
        seed = self.blocks[number]
        outs = sorted({make_divisible(seed.out * share) for share in self.filters})
        counts = sorted({max(1, seed.layers + more) for more in self.layers})
        every = itertools.product(self.operators, self.kernels, self.squeeze, self.skip, outs)
        layers = (Layer(*it) for it in every)
        # The next block's first kernel may scale what squeeze-and-excite says, and what begins with
        # a depthwise convolution may be computed with the block before: such kernels would depend
        # on two blocks.
        kept = (
            it
            for it in layers
            if not (it.operator == "conv" and it.squeeze)
            and not (it.operator == "sepconv" and number)
        )
        return tuple(Block(layer, count) for layer in kept for count in counts)

    @property
    def size(self) -> int:
        """How many points there are."""
        size = 1
        for number in range(len(self.blocks)):
            size *= len(self.choices(number))
        return size

    def random(self, generator: random.Random) -> Point:
        """A point, each as likely as any other."""
        return tuple(generator.choice(self.choices(number)) for number in range(len(self.blocks)))

    def network(self, point: Point, name: str = "") -> Network:
        """The table of a point. InputError if it is none of this space."""
        for number, block in enumerate(point):
            if block not in self.choices(number):
                raise InputError("not a choice", place=f"block {number + 1}", found=str(block))
        stem, _, tail = self._parts
        rows = list(stem)
        channels = stem[-1].out
        for number, block in enumerate(point):
            rows += self._rows(number, block, channels)
            channels = block.layer.out
        return replace(self.seed, name=name or self.seed.name, rows=(*rows, *tail))

    def point(self, network: Network) -> Point:
        """The point whose table this is. InputError if there is none."""
        stem, blocks, tail = self._parts
        known = network.rows[: len(stem)] == stem and network.rows[-len(tail) :] == tail
        seed = replace(self.seed, name=network.name, rows=network.rows)
        found = None
        if known and seed == network:
            rows = network.rows[len(stem) : -len(tail)]
            found = self._read(0, rows, stem[-1].out, len(blocks))
        if found is None:
            raise InputError(
                "not a network of this space", place=network.name, expected=f"one of {self.name}"
            )
        return found

    def pieces(self) -> Iterator[Network]:
        """Small networks that together have every part that networks of this space consist of.

        Each has one block, with its repeated layer if it has any, after each width of the block
        before; the first ones have the stem, the last ones the rows after the last block, the
        first of which may be computed with it.
        """
        stem, blocks, tail = self._parts
        last = len(blocks) - 1
        for number, (height, width) in enumerate(self._sides()):
            before, after = stem if number == 0 else (), tail if number == last else ()
            for channels in self._widths(number):
                for block in self._layers(number):
                    rows = (*before, *self._rows(number, block, channels), *after)
                    yield self._piece(rows, (height, width, channels), number)

    def _piece(self, rows: tuple[Row, ...], shape: Shape, number: int) -> Network:
        height, width, channels = shape if number else _shape(self.seed)
        return replace(
            self.seed, name="piece", height=height, width=width, channels=channels, rows=rows
        )

    def _layers(self, number: int) -> list[Block]:
        """Every layer of a block, at most once repeated: more repetitions are the same again.

        But full convolutions that add their inputs are one piece, however many there are.
        """
        blocks: dict[Block, None] = {}
        for block in self.choices(number):
            whole = block.layer.operator == "conv" and block.layer.skip == "identity"
            blocks[block if whole else replace(block, layers=min(block.layers, 2))] = None
        return list(blocks)

    def _widths(self, number: int) -> list[int]:
        """What a block may read."""
        if number == 0:
            return [self._parts[0][-1].out]
        return sorted({block.layer.out for block in self.choices(number - 1)})

    def _sides(self) -> list[tuple[int, int]]:
        """Height and width that each block reads."""
        stem, blocks, _ = self._parts
        height, width, _ = row_shapes(self.seed)[len(stem)][0]
        sides = [(height, width)]
        for seed in blocks[:-1]:
            height, width = -(-height // seed.stride), -(-width // seed.stride)
            sides.append((height, width))
        return sides

    def _rows(self, number: int, block: Block, channels: int) -> tuple[Row, ...]:
        seed = self.blocks[number]
        rows: list[Row] = []
        for repeat in range(block.layers):
            stride = 1 if repeat else seed.stride
            at = Place(
                block.layer.out if repeat else channels,
                stride,
                seed.nonlinearity,
                self.seed.conventions,
                f"b{number + 1}_{repeat + 1}",
                repeat > 0,
            )
            append(rows, block.layer, at)
        return tuple(rows)

    def _read(self, number: int, rows: tuple[Row, ...], channels: int, count: int) -> Point | None:
        """The blocks that give these rows, from one on."""
        if number == count:
            return () if not rows else None
        for block in self.choices(number):
            own = self._rows(number, block, channels)
            if rows[: len(own)] == own:
                rest = self._read(number + 1, rows[len(own) :], block.layer.out, count)
                if rest is not None:
                    return (block, *rest)
        return None


def _split(seed: Network) -> tuple[tuple[Row, ...], tuple[Seed, ...], tuple[Row, ...]]:
    """The rows before the first bneck, the blocks, the rows after the last one.

    A block begins where the channels change, or the image shrinks.
    """
    places = [index for index, row in enumerate(seed.rows) if row.operator == "bneck"]
    if not places or any(row.labels for row in seed.rows):
        raise InputError(
            "not a seed", place=seed.name, expected="a table with bnecks in a row and no labels"
        )
    first, last = places[0], places[-1]
    blocks: list[Seed] = []
    for row in seed.rows[first : last + 1]:
        if blocks and row.out == blocks[-1].out and row.stride == 1:
            blocks[-1] = replace(blocks[-1], layers=blocks[-1].layers + 1)
        else:
            blocks.append(Seed(row.out, 1, row.stride, row.nonlinearity))
    return seed.rows[:first], tuple(blocks), seed.rows[last + 1 :]


def _shape(network: Network) -> Shape:
    return network.height, network.width, network.channels

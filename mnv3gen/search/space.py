"""`Space`: networks that differ from a seed's by a choice for every block.

A space is a TOML file (docs/latency.md): a seed table, and for each block the same choices of a
layer, of its filters and of how often it is repeated. A point is one `Block` a block, and one more
for the rows after the last block where the space has a choice of these; every point is a table, and
every such table is a point again.
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
from mnv3gen.search.layers import TAIL, Layer, Place, append
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
    """The choices; `filters` and `layers` are relative to the seed's blocks.

    `tail`: what the convolutions after the last block may have of the seed's filters, all of them
    the same share (section 5.1 of the paper redesigns these rows by hand).
    """

    name: str
    seed: Network
    operators: tuple[str, ...]
    kernels: tuple[int, ...]
    squeeze: tuple[bool, ...]
    skip: tuple[str, ...]
    filters: tuple[Fraction, ...]
    layers: tuple[int, ...]
    tail: tuple[Fraction, ...] = (Fraction(1),)

    @cached_property
    def _parts(self) -> tuple[tuple[Row, ...], tuple[Seed, ...], tuple[Row, ...]]:
        return _split(self.seed)

    @property
    def blocks(self) -> tuple[Seed, ...]:
        """The seed's blocks."""
        return self._parts[1]

    @property
    def places(self) -> int:
        """How many blocks a point has."""
        return len(self.blocks) + (len(self.tail) > 1)

    def choices(self, number: int) -> tuple[Block, ...]:
        """What a block may be."""
        return self._choices[number]

    @cached_property
    def _choices(self) -> tuple[tuple[Block, ...], ...]:
        blocks = tuple(self._block_choices(number) for number in range(len(self.blocks)))
        return (*blocks, tuple(self._tails)) if len(self.tail) > 1 else blocks

    @cached_property
    def _tails(self) -> dict[Block, tuple[Row, ...]]:
        """The rows after the last block, by their choice, which is called by the widest of them."""
        rows = self._parts[2]
        scaled = [_narrowed(rows, share) for share in sorted(set(self.tail))]
        widest = (max((row.out for row in tail if _has_filters(row)), default=0) for tail in scaled)
        return {
            Block(Layer(TAIL, 1, False, "none", width), 1): tail
            for width, tail in zip(widest, scaled, strict=True)
        }

    def _block_choices(self, number: int) -> tuple[Block, ...]:
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
        for number in range(self.places):
            size *= len(self.choices(number))
        return size

    def random(self, generator: random.Random) -> Point:
        """A point, each as likely as any other."""
        return tuple(generator.choice(self.choices(number)) for number in range(self.places))

    def network(self, point: Point, name: str = "") -> Network:
        """The table of a point. InputError if it is none of this space."""
        for number, block in enumerate(point):
            if block not in self.choices(number):
                raise InputError("not a choice", place=f"block {number + 1}", found=str(block))
        stem, blocks, tail = self._parts
        rows = list(stem)
        channels = stem[-1].out
        for number, block in enumerate(point[: len(blocks)]):
            rows += self._rows(number, block, channels)
            channels = block.layer.out
        if len(point) > len(blocks):
            tail = self._tails[point[-1]]
        return replace(self.seed, name=name or self.seed.name, rows=(*rows, *tail))

    def labels(self, point: Point) -> list[str]:
        """The place that each row of a point's table belongs to, whatever is chosen there.

        "b2.1" is the second block's first layer, "stem.1" and "tail.1" are rows beside the blocks.
        """
        stem, blocks, tail = self._parts
        labels = [f"stem.{row}" for row in range(1, len(stem) + 1)]
        channels = stem[-1].out
        for number, block in enumerate(point[: len(blocks)]):
            for repeat in range(1, block.layers + 1):
                rows = len(self._rows(number, replace(block, layers=repeat), channels))
                have = sum(label.startswith(f"b{number + 1}.") for label in labels)
                labels += [f"b{number + 1}.{repeat}"] * (rows - have)
            channels = block.layer.out
        return labels + [f"tail.{row}" for row in range(1, len(tail) + 1)]

    def point(self, network: Network) -> Point:
        """The point whose table this is. InputError if there is none."""
        seed = replace(self.seed, name=network.name, rows=network.rows)
        found = self._with_some_tail(network.rows) if seed == network else None
        if found is None:
            raise InputError(
                "not a network of this space", place=network.name, expected=f"one of {self.name}"
            )
        return found

    def _with_some_tail(self, rows: tuple[Row, ...]) -> Point | None:
        stem, blocks, own = self._parts
        tails = self._tails if len(self.tail) > 1 else {None: own}
        if rows[: len(stem)] != stem:
            return None
        for choice, tail in tails.items():
            if rows[-len(tail) :] == tail:
                inner = rows[len(stem) : -len(tail)]
                found = self._read(0, inner, stem[-1].out, len(blocks))
                if found is not None:
                    return found if choice is None else (*found, choice)
        return None

    def pieces(self) -> Iterator[Network]:
        """Small networks that together have every part that networks of this space consist of.

        Each has one block, with its repeated layer if it has any, after each width of the block
        before; the first ones have the stem, the last ones the rows after the last block.
        InputError if those begin with a pool, which is computed with the block before.
        """
        last = len(self.blocks)
        for number in range(last):
            for channels in self.widths(number):
                for block in self._layers(number):
                    yield self.part(number, block, channels)
        for channels in self.widths(last):
            for tail in self._tails if len(self.tail) > 1 else (None,):
                yield self.part(last, tail, channels)

    def _check_separate(self) -> None:
        if self._parts[2][0].operator == "pool":
            raise InputError(
                "no table of kernels for this space", place=self.name,
                found=f"in {self.seed.name} a pool right after the last bneck",
                expected="a convolution there",
            )  # fmt: skip

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

    def part(self, number: int, block: Block | None, channels: int) -> Network:
        """A block as a network of its own that reads so many channels, the first with the stem.

        After the last block come the rows after it, whose `block` is None where all are the same.
        """
        stem, blocks, tail = self._parts
        self._check_separate()
        if number == len(blocks):
            rows = tail if block is None else self._tails[block]
        else:
            assert block is not None
            rows = self._rows(number, block, channels)
        return self._piece(
            rows if number else (*stem, *rows), (*self._sides[number], channels), number
        )

    def widths(self, number: int) -> list[int]:
        """What a block, or the rows after the last one, may read, in channels."""
        if number == 0:
            return [self._parts[0][-1].out]
        return sorted({block.layer.out for block in self.choices(number - 1)})

    @cached_property
    def _sides(self) -> list[tuple[int, int]]:
        """Height and width that each block reads, and those after the last."""
        stem, blocks, _ = self._parts
        height, width, _ = row_shapes(self.seed)[len(stem)][0]
        sides = [(height, width)]
        for seed in blocks:
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


def _narrowed(rows: tuple[Row, ...], share: Fraction) -> tuple[Row, ...]:
    """The rows after the last block with such a share of the filters, but for the classes."""
    return tuple(
        replace(row, out=make_divisible(row.out * share)) if _has_filters(row) else row
        for row in rows
    )


def _has_filters(row: Row) -> bool:
    return row.operator == "conv2d" and not row.per_class


def _shape(network: Network) -> Shape:
    return network.height, network.width, network.channels

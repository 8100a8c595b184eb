"""The register tile of a depthwise convolution: a few pixels of one vector of channels.

Of each row of the window the weights are loaded once, then every input once: it is multiplied into
all sums that it is part of. So a tile needs registers for its pixels, a row of weights, an input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnv3gen.generate.builder import Builder, Index, Memory, Register


@dataclass(frozen=True)
class Tap:
    """A tap of a row: its place relative to a pixel's, its weights, and the pixels that see it."""

    offset: int
    weight: Index
    pixels: tuple[int, ...]


@dataclass(frozen=True)
class TapRow:
    """A row of the window: where the tile's first pixel has its first tap, and the taps."""

    start: Index
    taps: tuple[Tap, ...]


def slide(
    builder: Builder,
    source: Memory,
    weights: Memory,
    bias: Index,
    pixels: int,
    step: int,
    rows: Sequence[TapRow],
    lanes: int,
) -> list[Register]:
    """The sums of a tile of pixels, whose windows start `step` elements apart in the source.

    `bias` and the taps' `weight` are offsets in `weights`.
    """
    weights = builder.fresh(weights)
    first = builder.load(weights, bias, lanes)
    sums = [builder.register(lanes, first) for _ in range(pixels)]
    for row in rows:
        factors = [
            builder.register(lanes, builder.load(weights, tap.weight, lanes)) for tap in row.taps
        ]
        uses: dict[int, list[tuple[Register, Register]]] = {}
        for tap, factor in zip(row.taps, factors, strict=True):
            for pixel in tap.pixels:
                uses.setdefault(pixel * step + tap.offset, []).append((sums[pixel], factor))
        for offset, products in sorted(uses.items()):
            value = builder.register(lanes, builder.load(source, row.start + offset, lanes))
            for total, factor in products:
                builder.set(total, total.value + value.value * factor.value)
    return sums

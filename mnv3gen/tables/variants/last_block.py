"""Variants of the last block of a detector or segmentation network: what stands between C4 and C5.

The labels say where that is. In a detector C4 is the expansion of the block's first bneck (section
6.3), in a segmentation network the output of the row above it.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.scaling import with_widths
from mnv3gen.tables.shapes import row_shapes
from mnv3gen.tables.variants.applicable import need_applicable
from mnv3gen.tables.width_rules import C4, C5, Position, is_segmentation, row_labelled

HALF = Fraction(1, 2)
POOL_WINDOWS = {((49, 49), (16, 20)): ((25, 25), (4, 5))}
"""Window and strides of LR-ASPP's pool at output stride 16, and those at 32.

Windows of 769 pixels at either; the strides are those of the authors' released flags.
"""


def reduced(network: Network) -> Network:
    """Halve the outputs of all feature layers between C4 and C5 (section 6.3, table 6's dagger).

    C4 keeps its width, and every expansion its ratio to its input.
    """
    block = _last_block(network, "reduced", segmentation=False)
    return _halved(network, block, first_expansion=False)


def rf2(network: Network) -> Network:
    """Halve the filters of the last block (section 6.4, table 7's RF2).

    That is its outputs and, in the authors' released MobileNetV3, all of its expansions. In
    MobileNetV2 the first expansion stays, which is 6 times an input that stays.
    """
    block = _last_block(network, "rf2", segmentation=True)
    return _halved(network, block, first_expansion=network.conventions.width_rule != "v2")


def os32(network: Network) -> Network:
    """Let the last block stride instead of dilating: output stride 32 (section 6.4, table 8)."""
    block = _last_block(network, "os32", segmentation=True)
    dilated = any(network.rows[at].dilation > 1 for at in block)
    need_applicable(
        dilated and network.rows[block[0]].stride == 1,
        "os32",
        network,
        found="a last block without dilation",
        expected="one that is dilated and does not stride",
    )
    rows = list(network.rows)
    for at in block:
        rows[at] = replace(rows[at], dilation=1, stride=2 if at == block[0] else rows[at].stride)
    return replace(network, rows=tuple(map(_with_coarser_pool, rows)))


def _with_coarser_pool(row: Row) -> Row:
    window, strides = POOL_WINDOWS.get((row.window, row.strides), (row.window, row.strides))
    return replace(row, window=window, strides=strides)


def _last_block(network: Network, variant: str, *, segmentation: bool) -> range:
    """Return the indices of the rows after C4, or from the bneck that C4 is part of, to C5's."""
    rows = network.rows
    start, end = row_labelled(rows, C4), row_labelled(rows, C5)
    labelled, kinds = start < end < len(rows), ("a detector", "a segmentation network")
    need_applicable(
        labelled and is_segmentation(rows) == segmentation,
        variant,
        network,
        found=kinds[is_segmentation(rows)] if labelled else "no rows labelled C4 and C5",
        expected=f"{kinds[segmentation]} with labels C4 and C5",
    )
    is_output = dict(rows[start].labels)[C4] == ""
    return range(start + 1 if is_output else start, end + 1)


def _halved(network: Network, block: range, *, first_expansion: bool) -> Network:
    rows, shapes = list(network.rows), row_shapes(network)
    for at in block:
        row, (_, _, channels) = rows[at], shapes[at][0]
        first = at == block[0]
        position = Position(HALF, channels, channels if first else channels // 2, "trunk")
        expansion = row.expansion
        if expansion and (first_expansion or not first):
            expansion = max(expansion // 2, position.actual)
        rows[at] = with_widths(row, position, (expansion, row.out // 2), network.conventions)
    return replace(network, rows=tuple(rows))

"""Variants of how many filters a segmentation head has (section 6.4, the column F of table 7)."""

from __future__ import annotations

from dataclasses import replace

from mnv3gen.tables.network import Network
from mnv3gen.tables.variants.applicable import need_applicable
from mnv3gen.tables.width_rules import C5, is_segmentation, row_labelled


def f128(network: Network) -> Network:
    """128 filters in the head."""
    return _with_filters(network, "f128", 128)


def f256(network: Network) -> Network:
    """256 filters in the head."""
    return _with_filters(network, "f256", 256)


def _with_filters(network: Network, variant: str, filters: int) -> Network:
    """Give every convolution after C5 so many filters, but those that count classes."""
    end = row_labelled(network.rows, C5) + 1
    trunk, head = network.rows[:end], network.rows[end:]
    need_applicable(
        is_segmentation(head),
        variant,
        network,
        found="no resize after a label C5",
        expected="a segmentation network with label C5",
    )
    widened = (replace(row, out=filters) if row.out and not row.per_class else row for row in head)
    return replace(network, rows=(*trunk, *widened))

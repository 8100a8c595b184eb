"""Variants of how wide squeeze-and-excite is (section 5.3)."""

from __future__ import annotations

from dataclasses import replace

from mnv3gen.tables.channels import ticked_squeeze
from mnv3gen.tables.network import Network
from mnv3gen.tables.shapes import row_shapes
from mnv3gen.tables.variants.applicable import need_applicable


def squeeze_input(network: Network) -> Network:
    """Squeeze to 1/4 of the block's input, as MnasNet does (section 5.3, "relative")."""
    return _squeezed(network, "squeeze-input", "input/4")


def squeeze_expansion(network: Network) -> Network:
    """Squeeze to 1/4 of the channels in the expansion (section 5.3)."""
    return _squeezed(network, "squeeze-expansion", "expansion/4")


def _squeezed(network: Network, variant: str, rule: str) -> Network:
    """Give every squeeze-and-excite, ticked or not, the width of a rule."""
    need_applicable(
        any(row.squeeze for row in network.rows),
        variant,
        network,
        found="no squeeze-and-excite",
        expected="a table with it",
    )
    conventions = replace(network.conventions, squeeze=rule)
    rows = tuple(
        replace(row, squeeze=ticked_squeeze(conventions, row.expansion or row.out, shape[2]))
        if row.squeeze
        else row
        for row, (shape, _) in zip(network.rows, row_shapes(network), strict=True)
    )
    return replace(network, conventions=conventions, rows=rows)

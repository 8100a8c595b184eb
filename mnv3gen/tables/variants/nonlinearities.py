"""Variants of where h-swish stands and how it is computed (section 5.2, table 5, figure 8)."""

from __future__ import annotations

from dataclasses import replace

from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.variants.applicable import need_applicable

EXCHANGEABLE = ("RE", "R6", "HS")


def relu(network: Network) -> Network:
    """ReLU everywhere (table 5, "ReLU")."""
    return replace(network, rows=tuple(_exchanged(row, "RE") for row in network.rows))


def hswish_from(network: Network, channels: int) -> Network:
    """h-swish in every bneck of at least ``channels`` output channels, ReLU in the others.

    Convolutions, that is the stem and the last stage, have h-swish. This is table 5's "h-swish
    @N"; that N counts output channels is inferred from V3-Large itself, whose h-swish figure 8
    puts at "80 channels or more".
    """
    has_bnecks = any(row.operator == "bneck" for row in network.rows)
    need_applicable(
        has_bnecks, f"hswish@{channels}", network, found="no bneck", expected="a table of bnecks"
    )
    rows = (
        _exchanged(row, "RE" if row.operator == "bneck" and row.out < channels else "HS")
        for row in network.rows
    )
    return replace(network, rows=tuple(rows))


def naive_hswish(network: Network) -> Network:
    """Compute h-swish operation by operation, not as one (section 6.2.1, table 5's "no-opt")."""
    has_hswish = any(row.nonlinearity == "HS" for row in network.rows)
    need_applicable(
        has_hswish, "naive-hswish", network, found="no h-swish", expected="a table with HS in it"
    )
    return replace(network, conventions=replace(network.conventions, hswish="naive"))


def _exchanged(row: Row, nonlinearity: str) -> Row:
    """Give a row another nonlinearity; linear rows and sigmoids stay."""
    return replace(row, nonlinearity=nonlinearity) if row.nonlinearity in EXCHANGEABLE else row

"""Variants: named functions from a table to a table. A new variant is one more entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mnv3gen.errors import TableError, nearest_names
from mnv3gen.tables.network import Network


def torchvision(network: Network) -> Network:
    """Take the conventions under which torchvision builds and trains these networks."""
    conventions = replace(
        network.conventions, padding="symmetric", width_rule="torchvision", preprocess="imagenet"
    )
    return replace(network, conventions=conventions)


VARIANTS: dict[str, Callable[[Network], Network]] = {"torchvision": torchvision}


def apply_variant(network: Network, name: str) -> Network:
    """Return the network's variant of that name; raises `TableError` for an unknown name."""
    if name not in VARIANTS:
        raise TableError(
            "unknown variant",
            found=name,
            expected=", ".join(VARIANTS),
            nearest=nearest_names(name, VARIANTS),
        )
    return VARIANTS[name](network)

"""The figures that the paper prints, beside the networks that they belong to."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from mnv3gen.resources import PACKAGE
from mnv3gen.tables.network import Network
from mnv3gen.tables.scaling import Width, read_width
from mnv3gen.tables.zoo import resolve

FIGURES = PACKAGE / "tables" / "published.toml"


@dataclass(frozen=True)
class Published:
    """A row of table 3 (floating point, ImageNet).

    ``top1`` in percent; ``madds`` and ``params`` in millions; ``pixel_ms`` the latency on one big
    core of a Pixel 1, 2 and 3, in ms. ``resolution`` is the side of the square input, in pixels.
    """

    network: str
    width: Fraction
    resolution: int
    top1: float
    madds: float
    params: float
    pixel_ms: tuple[float, float, float]

    def resolved(self) -> Network:
        """Return the network that the figures are about."""
        return resolve(self.network, width=self.width, resolution=self.resolution)


@cache
def table3() -> tuple[Published, ...]:
    """Return the rows of table 3 whose networks the zoo has."""
    return tuple(
        Published(**{**row, "width": Fraction(row["width"]), "pixel_ms": tuple(row["pixel_ms"])})
        for row in _read_toml()["table3"]
    )


def published(name: str, width: Width = 1, resolution: int = 224) -> Published | None:
    """Return the figures for a network of the zoo by name, width multiplier and resolution."""
    wanted = (name, read_width(width), resolution)
    rows = (row for row in table3() if (row.network, row.width, row.resolution) == wanted)
    return next(rows, None)


def published_for(network: Network) -> Published | None:
    """Return the figures for this very network: rows, input, classes and conventions are equal."""
    rows = (row for row in table3() if row.network == network.name)
    return next((row for row in rows if row.resolved() == network), None)


def _read_toml() -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(FIGURES.read_text(encoding="utf-8"))

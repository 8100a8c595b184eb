"""What the paper prints about networks of the zoo; the figures stand in `published.toml`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from mnv3gen.resources import PACKAGE
from mnv3gen.tables.network import Network
from mnv3gen.tables.zoo import resolve

FIGURES = PACKAGE / "tables" / "published.toml"
UNITS = {"M": 10**6, "B": 10**9}

Figure = Literal["params", "madds"]
Counting = Literal["convolutions", "profiler"]
Measured = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Printed:
    """A number as printed: "0.80B" is 800 million, known to ten million."""

    text: str

    @property
    def value(self) -> int:
        """The number."""
        return int(Decimal(self.text[:-1]) * UNITS[self.text[-1]])

    @property
    def place(self) -> int:
        """What one in the last digit stands for."""
        decimals = len(self.text[:-1].partition(".")[2])
        place: int = UNITS[self.text[-1]] // 10**decimals
        return place


@dataclass(frozen=True)
class Published:
    """A row of one of the paper's tables; the fields are explained in `published.toml`.

    ``params`` and ``madds`` are None where the table has no such column. ``measured`` holds the
    other columns, with units in their names: "top1" in percent, "pixel_ms" one big core of a Pixel
    1, 2 and 3.
    """

    table: int
    row: str
    network: str
    params: Printed | None
    madds: Printed | None
    measured: Measured
    width: str = "1.0"
    resolution: str | None = None
    variants: tuple[str, ...] = ()
    classes: int | None = None
    counting: Counting = "convolutions"
    batch_norm: bool = True
    truncated: tuple[Figure, ...] = ()
    why: str = ""

    def resolved(self) -> Network:
        """Return the network that the row is about."""
        return resolve(self.network, self.width, self.resolution, self.classes, self.variants)

    def arguments(self) -> str:
        """Return what names this network on a command line."""
        words = [self.network]
        words += ["--width", self.width] if self.width != "1.0" else []
        words += ["--resolution", self.resolution] if self.resolution else []
        words += ["--classes", str(self.classes)] if self.classes else []
        return " ".join(words + [f"--variant {variant}" for variant in self.variants])

    def said(self) -> str:
        """Say the row in one line: `5.4M parameters, 219M multiply-adds, top-1 75.2 %, ...`."""
        counts = ((self.params, "parameters"), (self.madds, "multiply-adds"))
        parts = [f"{printed.text} {what}" for printed, what in counts if printed]
        columns = _read_toml()["columns"]
        parts += [columns[key].format(*values) for key, values in self.measured.items()]
        return ", ".join(parts)


@cache
def published() -> tuple[Published, ...]:
    """Return the rows of the paper's tables, in its order, whose networks the zoo has."""
    return tuple(_row(**row) for row in _read_toml()["published"])


def published_for(network: Network) -> Published | None:
    """Return the first row about this very network: rows, input, classes, conventions are equal."""
    rows = (row for row in published() if row.network == network.name)
    return next((row for row in rows if row.resolved() == network), None)


def _row(
    *,
    params: str,
    madds: str,
    measured: dict[str, Any],
    variants: tuple[str, ...] = (),
    truncated: tuple[Figure, ...] = (),
    **rest: Any,
) -> Published:
    return Published(
        params=Printed(params) if params else None,
        madds=Printed(madds) if madds else None,
        measured={
            key: tuple(value) if isinstance(value, list) else (value,)
            for key, value in measured.items()
        },
        variants=tuple(variants),
        truncated=tuple(truncated),
        **rest,
    )


@cache
def _read_toml() -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(FIGURES.read_text(encoding="utf-8"))

"""The paper's latencies, cell by cell, beside modelled cycles and multiply-adds, each by one scale.

A scale is milliseconds for a cycle (or a multiply-add): the one number a phone and table that is
fitted, so that the mean of the errors' sizes is least. Nothing else is taken from the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mnv3gen.tables.network import Network
from mnv3gen.tables.published import Published, published
from mnv3gen.tables.zoo import resolve

PHONES = {"P-1": "pixel1", "P-2": "pixel2", "P-3": "pixel3"}
NAIVE = "naive-hswish"
TABLES = (3, 4, 5, 6, 7)
# Table 4, the quantized networks: it prints latencies only.
TABLE_4 = (
    ("V3-Large 1.0", "mobilenet_v3_large", "1.0", (44.0, 42.5, 31.7)),
    ("V2 1.0", "mobilenet_v2", "1.0", (52.0, 48.3, 37.0)),
    ("V3-Small", "mobilenet_v3_small", "1.0", (15.5, 14.9, 10.7)),
    ("V2 0.35", "mobilenet_v2", "0.35", (16.7, 15.6, 11.9)),
)


@dataclass(frozen=True)
class Cell:
    """A latency that the paper prints: the network as it was measured, on a phone.

    ``shrunk`` is by what the input's sides are divided where cycles are modelled; the cycles are
    multiplied by its square.
    """

    table: int
    row: str
    phone: str
    network: str
    width: str
    resolution: str | None
    variants: tuple[str, ...]
    classes: int | None
    milliseconds: float
    integers: bool = False
    shrunk: int = 1

    def resolved(self) -> Network:
        """The network that is compiled."""
        size = self.resolution
        if self.shrunk > 1:
            whole = resolve(self.network, self.width, size, self.classes, self.variants)
            size = f"{whole.height // self.shrunk}x{whole.width // self.shrunk}"
        return resolve(self.network, self.width, size, self.classes, self.variants)

    @property
    def target(self) -> str:
        """The target that stands for the phone."""
        return PHONES[self.phone]

    @property
    def key(self) -> str:
        """What is compiled, in words; equal for cells of several tables about the same thing."""
        parts = [self.network, self.width, self.resolution or "-", str(self.classes or "-")]
        kind = "int8" if self.integers else "float32"
        return " ".join([*parts, *sorted(self.variants), kind, f"/{self.shrunk}", self.target])


def cells(tables: Iterable[int] = TABLES) -> list[Cell]:
    """Every latency of some of the paper's tables, in order."""
    wanted = set(tables)
    found = [cell for row in published() if row.table in wanted for cell in _cells(row)]
    if 4 in wanted:
        found += [
            Cell(4, row, phone, network, width, None, (), None, value, integers=True)
            for row, network, width, values in TABLE_4
            for phone, value in zip(PHONES, values, strict=True)
        ]
    return sorted(found, key=lambda cell: cell.table)


def _cells(row: Published) -> Iterable[Cell]:
    def cell(phone: str, value: float) -> Cell:
        return Cell(
            table=row.table,
            row=row.row,
            phone=phone,
            network=row.network,
            width=row.width,
            resolution=row.resolution,
            variants=row.variants,
            classes=row.classes,
            milliseconds=value,
        )

    for key, values in row.measured.items():
        if key == "pixel_ms":
            yield from map(cell, PHONES, values)
        elif key in ("pixel1_ms", "latency_ms"):  # of table 6 the paper does not name the phone
            yield cell("P-1", values[0])
        elif key == "pixel1_no_opt_ms":
            naive = replace(cell("P-1", values[0]), row=f"{row.row}, no-opt")
            yield (
                naive if "relu" in row.variants else replace(naive, variants=(*row.variants, NAIVE))
            )
        elif key == "pixel3_half_ms":
            yield _half(cell("P-3", values[0]))


def _half(cell: Cell) -> Cell:
    """Cityscapes at half resolution, modelled at an eighth of its sides."""
    return replace(cell, row=f"{cell.row}, half", resolution="512x1024", shrunk=2)


@dataclass(frozen=True)
class Fit:
    """Values scaled to milliseconds: the scale, the errors, and the mean of their sizes."""

    scale: float
    errors: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean of the errors' sizes."""
        return sum(map(abs, self.errors)) / len(self.errors)


def fit(values: Sequence[float], milliseconds: Sequence[float]) -> Fit:
    """The one scale that makes the mean size of the relative errors least.

    It is among those that meet one of the values: the mean is linear between them.
    """

    def scaled(scale: float) -> Fit:
        pairs = zip(values, milliseconds, strict=True)
        return Fit(scale, tuple(scale * value / own - 1 for value, own in pairs))

    scales = [own / value for value, own in zip(values, milliseconds, strict=True)]
    return min(map(scaled, scales), key=lambda each: each.mean)

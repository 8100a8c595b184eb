"""The paper's tables beside modelled cycles and multiply-adds: rows, fits and pictures of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnv3gen.cycles.figures import Figure, Form
from mnv3gen.cycles.measured import Measured, key_of
from mnv3gen.cycles.published_latency import Cell, Fit, fit


@dataclass(frozen=True)
class Compared:
    """A table's column of one phone: only cells that were modelled; errors are in their order."""

    table: int
    phone: str
    cells: tuple[Cell, ...]
    cycles: tuple[int, ...]
    madds: tuple[int, ...]
    by_cycles: Fit
    by_madds: Fit
    missing: tuple[Cell, ...]


def compare(
    cells: Iterable[Cell], figures: Mapping[tuple[str, str], Figure], form: Form
) -> list[Compared]:
    """Every table's phones with at least two modelled cells, in order."""
    columns: dict[tuple[int, str], list[Cell]] = {}
    for cell in cells:
        columns.setdefault((cell.table, cell.phone), []).append(cell)
    found = []
    for (table, phone), own in columns.items():
        known = [cell for cell in own if (cell.key, form) in figures]
        if len(known) < 2:
            continue
        cycles = [figures[cell.key, form].cycles for cell in known]
        madds = [_madds(cell) for cell in known]
        measured = [cell.milliseconds for cell in known]
        found.append(
            Compared(
                table=table,
                phone=phone,
                cells=tuple(known),
                cycles=tuple(cycles),
                madds=tuple(madds),
                by_cycles=fit(cycles, measured),
                by_madds=fit(madds, measured),
                missing=tuple(cell for cell in own if cell not in known),
            )
        )
    return found


def _madds(cell: Cell) -> int:
    from mnv3gen.graph.count import count
    from mnv3gen.graph.expand import expand

    return count(expand(cell.resolved())).madds * cell.shrunk**2


def as_dictionary(compared: Compared, measured: Mapping[str, Measured]) -> dict[str, Any]:
    """What `report paper --json` prints of a table's phone; errors are parts of the paper's ms.

    ``measured_ms`` is what a device takes for the row, null where it was not measured.
    """
    rows = zip(
        compared.cells,
        compared.cycles,
        compared.madds,
        compared.by_cycles.errors,
        compared.by_madds.errors,
        strict=True,
    )
    return {
        "table": compared.table,
        "phone": compared.phone,
        "ms_of_a_modelled_cycle": compared.by_cycles.scale,
        "mean_error": compared.by_cycles.mean,
        "mean_error_of_multiply_adds": compared.by_madds.mean,
        "rows": [
            {
                **asdict(cell),
                "modelled_cycles": cycles,
                "madds": madds,
                "error": error,
                "error_of_multiply_adds": baseline,
                "measured_ms": own.median_ms if (own := measured.get(key_of(cell))) else None,
            }
            for cell, cycles, madds, error, baseline in rows
        ],
        "not_modelled": [cell.row for cell in compared.missing],
    }


def scatter(columns: Sequence[Compared], folder: Path) -> list[Path]:
    """One picture a phone, of all tables: the paper's milliseconds over fitted ones."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    written = []
    for phone in sorted({each.phone for each in columns}):
        own = [each for each in columns if each.phone == phone]
        figure, axes = pyplot.subplots(figsize=(6, 6))
        for column in own:
            paper = [cell.milliseconds for cell in column.cells]
            for fitted, values, marker, label in (
                (column.by_cycles, column.cycles, "o", "modelled cycles"),
                (column.by_madds, column.madds, "x", "multiply-adds"),
            ):
                scaled = [fitted.scale * value for value in values]
                text = f"table {column.table}, {label}: {fitted.mean * 100:.1f} %"
                axes.scatter(scaled, paper, marker=marker, label=text, alpha=0.7)
        _finish(axes, phone)
        path = folder / f"{phone.lower()}.png"
        figure.savefig(path, dpi=120)
        pyplot.close(figure)
        written.append(path)
    return written


def _finish(axes: Any, phone: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    least = min(axes.get_xlim()[0], axes.get_ylim()[0])
    most = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([least, most], [least, most], color="grey", linewidth=0.8)
    axes.set_xlabel("scaled by one factor a table, ms")
    axes.set_ylabel(f"the paper's {phone}, ms")
    axes.legend(fontsize=8)
    axes.set_aspect("equal")

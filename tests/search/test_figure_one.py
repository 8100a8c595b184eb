"""Figure 1 of the paper without any training: published accuracies over modelled cycles."""

from __future__ import annotations

from collections.abc import Mapping

from mnv3gen.cycles.figures import read_figures
from mnv3gen.cycles.published_latency import cells
from mnv3gen.tables.published import published


def frontier(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """The names of (cost, accuracy) that no cheaper one equals, by cost."""
    kept: list[str] = []
    best = 0.0
    for name, (_, accuracy) in sorted(points.items(), key=lambda it: it[1]):
        if accuracy > best:
            kept.append(name)
            best = accuracy
    return kept


def test_modelled_cycles_order_figure_one_as_the_pixel_did() -> None:
    """Table 3's accuracies; milliseconds of a Pixel 1 against cycles modelled for it.

    By the paper's own milliseconds the frontier is V3's alone, from Small 0.75 to Large 1.0.
    """
    figures = read_figures()
    wanted = [cell for cell in cells([3]) if cell.phone == "P-1"]
    top1 = {it.row: it.measured["top1"][0] for it in published() if it.table == 3}
    times = {cell.row: (cell.milliseconds, top1[cell.row]) for cell in wanted}
    modelled = {
        cell.row: (float(figures[cell.key, "layers"].cycles), top1[cell.row]) for cell in wanted
    }
    assert len(times) == 9
    v3 = ["V3-Small 0.75", "V3-Small 1.0", "V3-Large 0.75", "V3-Large 1.0"]
    assert frontier(times) == v3
    assert frontier(modelled) == v3
    assert sorted(times, key=times.__getitem__) == sorted(modelled, key=modelled.__getitem__)

"""The paper's latency cells and the fit, against the baseline's errors that the issue states."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mnv3gen.cycles.comparison import as_dictionary, compare
from mnv3gen.cycles.figures import FILE, Figure, read_figures, write_figures
from mnv3gen.cycles.published_latency import NAIVE, Cell, cells, fit
from mnv3gen.errors import InputError


def test_the_scale_of_least_mean_error() -> None:
    # By hand: scales 2, 3 and 4 leave 0.75, 0.5833 and 0.8333 of errors in all.
    found = fit([1.0, 1.0, 1.0], [2.0, 3.0, 4.0])
    assert found.scale == 3.0
    assert found.errors == (0.5, 0.0, -0.25)
    assert found.mean == pytest.approx(0.25)


def test_tables_have_the_papers_rows() -> None:
    count = Counter((cell.table, cell.phone) for cell in cells())
    assert {phone: count[3, phone] for phone in ("P-1", "P-2", "P-3")} == dict.fromkeys(
        ("P-1", "P-2", "P-3"), 9
    )
    assert count[4, "P-1"] == count[4, "P-3"] == 4
    assert count[5, "P-1"] == 4 * 2  # with and without optimized h-swish
    assert count[6, "P-1"] == 11
    assert count[7, "P-3"] == 11


def test_without_optimization_h_swish_is_naive_and_relu_stays() -> None:
    naive = [cell for cell in cells([5]) if cell.row.endswith("no-opt")]
    assert [NAIVE in cell.variants for cell in naive] == [True, False, True, True]
    assert naive[0].milliseconds == 57.5


def test_segmentation_is_modelled_at_a_quarter_of_the_positions() -> None:
    cell = cells([7])[0]
    assert cell.milliseconds == 1020.0
    network = cell.resolved()
    assert (network.height, network.width) == (256, 512)


def madds_as_cycles(wanted: list[Cell]) -> dict[tuple[str, str], Figure]:
    from mnv3gen.cycles.comparison import _madds

    return {
        (cell.key, "layers"): Figure(
            key=cell.key,
            form="layers",
            cycles=_madds(cell),
            instructions=1,
            core="none",
            library="",
            simulator="",
        )
        for cell in wanted
    }


def test_multiply_adds_alone_err_as_was_worked_out_elsewhere() -> None:
    wanted = cells([3])
    columns = compare(wanted, madds_as_cycles(wanted), "layers")
    means = {each.phone: round(each.by_madds.mean * 100, 1) for each in columns}
    assert means == {"P-1": 10.7, "P-2": 11.1, "P-3": 13.2}
    assert all(each.by_cycles.mean == each.by_madds.mean for each in columns)
    worst = as_dictionary(columns[0], {})["rows"][4]  # V2 1.0: "up to 19 % too slow"
    assert worst["row"] == "V2 1.0"
    assert round(worst["error_of_multiply_adds"] * 100) == 19


def test_what_was_not_modelled_is_said() -> None:
    wanted = cells([3])
    figures = madds_as_cycles(wanted[:6])
    columns = compare(wanted, figures, "layers")
    assert [len(each.cells) for each in columns] == [2, 2, 2]
    assert [len(each.missing) for each in columns] == [7, 7, 7]
    assert compare(wanted, figures, "fused") == []


def test_figures_are_sorted_lines_that_come_back(tmp_path: Path) -> None:
    path = tmp_path / "figures.jsonl"
    figures = madds_as_cycles(cells([3]))
    write_figures(reversed(figures.values()), path)
    assert read_figures(path) == figures
    lines = path.read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.partition('"form"')[0])
    path.write_text(lines[0] + "\nnonsense\n")
    with pytest.raises(InputError, match=r"figures\.jsonl:2"):
        read_figures(path)


def test_the_committed_figures_are_of_todays_cells() -> None:
    keys = {cell.key for cell in cells()}
    figures = read_figures(FILE)
    assert {key for key, _ in figures} <= keys
    assert all(figure.cycles > figure.instructions / 8 for figure in figures.values())

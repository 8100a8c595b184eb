"""Verdicts: which printed figures our integers have, and which are explained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnv3gen.report.paper import Comparison, as_dictionary, compare, compare_all, has_digits
from mnv3gen.tables.published import Printed, Published, published

LARGE_075 = next(row for row in published() if row.row == "V3-Large 0.75")


@pytest.mark.parametrize(
    ("text", "ours", "rounded", "truncated"),
    [
        ("5.4M", 5_449_999, True, True),
        ("5.4M", 5_350_000, True, False),
        ("5.4M", 5_349_999, False, False),
        ("5.4M", 5_483_032, False, True),
        ("5.4M", 5_500_000, False, False),
        ("300M", 300_774_272, False, True),
        ("219M", 216_589_760, False, False),
        ("0.80B", 795_000_000, True, False),
        ("0.16B", 166_700_000, False, True),
    ],
)
def test_digits(text: str, ours: int, rounded: bool, truncated: bool) -> None:
    assert has_digits(Printed(text), ours) is rounded
    assert has_digits(Printed(text), ours, truncated=True) is truncated


# Parameters and multiply-adds by each row's rules; tables 3 and 5 in their order.
ROWS = [
    ("V3-Large 1.0", 5_483_032, 216_589_760, "explained"),
    ("V3-Large 0.75", 3_993_528, 154_560_624, "met"),
    ("MnasNet-A1", 3_887_038, 311_579_072, "explained"),
    ("Proxyless", 4_046_016, 320_427_584, "met"),
    ("V2 1.0", 3_470_760, 300_774_272, "met"),
    ("V3-Small 1.0", 2_946_568, 56_913_856, "explained"),
    ("V3-Small 0.75", 2_408_720, 43_765_936, "met"),
    ("Mnas-small", 2_030_264, 68_339_184, "explained"),
    ("V2 0.35", 1_663_048, 59_285_808, "met"),
    ("V3-Large 1.0", 5_483_032, 216_589_760, "explained"),
    ("ReLU", 5_483_032, 216_589_760, "explained"),
    ("h-swish @16", 5_483_032, 216_589_760, "explained"),
    ("h-swish @112", 5_483_032, 216_589_760, "explained"),
]


def test_tables_3_and_5() -> None:
    rows = [row for row in published() if row.table in (3, 5)]
    assert [
        (each.published.row, each.params, each.madds, each.verdict) for each in compare_all(rows)
    ] == ROWS


# Millions of parameters and billions of multiply-adds, by the row's rules.
DETECTION = [
    ("V1", 5.063, 1.309, "met"),
    ("V2", 4.286, 0.789, "explained"),
    ("MnasNet", 4.879, 0.839, "met"),
    ("V3", 4.967, 0.620, "met"),
    ("V3 †", 3.215, 0.512, "met"),
    ("V2 0.35", 0.930, 0.167, "met"),
    ("V2 0.5", 1.537, 0.273, "met"),
    ("MnasNet 0.35", 1.024, 0.178, "met"),
    ("MnasNet 0.5", 1.679, 0.291, "met"),
    ("V3-Small", 2.493, 0.214, "met"),
    ("V3-Small †", 1.765, 0.165, "met"),
]


def test_table_6() -> None:
    rows = [row for row in published() if row.table == 6]
    assert [
        (each.published.row, *in_units(each), each.verdict) for each in compare_all(rows)
    ] == DETECTION
    # What must be cut, not rounded, to be the printed 0.16B.
    assert [row.row for row in rows if row.truncated] == ["V2 0.35", "V3-Small †"]


def in_units(row: Comparison) -> tuple[float, float]:
    return round(row.params / 1e6, 3), round(row.madds / 1e9, 3)


EXPLAINED = {
    7: ["1, V2", "3, V2", "5, V3", "6, V3", "8, V3"],
    8: ["V3 OS 16 (f)", "V3 OS 16 (h)", "V3 OS 32 (h)"],
}


@pytest.mark.parametrize("table", EXPLAINED)
def test_segmentation_rows(table: int) -> None:
    rows = compare_all(row for row in published() if row.table == table)
    assert len(rows) == {7: 11, 8: 8}[table]
    assert [row.published.row for row in rows if row.verdict != "met"] == EXPLAINED[table]


def test_the_profilers_rule_on_segmentation() -> None:
    """All 19 printed multiply-adds within 1%, 16 of them within 0.25%; convolutions are below."""
    rows = [row for row in compare_all() if row.published.table in (7, 8)]
    printed = [row.published.madds.value for row in rows if row.published.madds]
    errors = [abs(row.madds / each - 1) for row, each in zip(rows, printed, strict=True)]
    assert (len(errors), max(errors) < 0.01) == (19, True)
    assert sum(error < 0.0025 for error in errors) == 16
    less = [1 - row.count.madds / each for row, each in zip(rows, printed, strict=True)]
    assert (round(min(less), 3), round(max(less), 3)) == (0.003, 0.055)


def test_no_row_of_the_paper_is_left_unexplained() -> None:
    assert {each.verdict for each in compare_all()} <= {"met", "explained"}


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (LARGE_075, "met"),
        (replace(LARGE_075, madds=Printed("156M")), "differs"),
        (replace(LARGE_075, madds=Printed("156M"), why="misprinted"), "explained"),
        (replace(LARGE_075, params=Printed("3.9M")), "differs"),
        (replace(LARGE_075, params=Printed("3.9M"), truncated=("params",)), "met"),
        (replace(LARGE_075, params=Printed("3.97M"), batch_norm=False), "met"),
        (replace(LARGE_075, params=None), "met"),
        (replace(LARGE_075, params=None, madds=None), "differs"),
        (replace(LARGE_075, counting="profiler"), "differs"),
        (replace(LARGE_075, counting="profiler", madds=Printed("157M")), "met"),
    ],
)
def test_verdict(row: Published, verdict: str) -> None:
    assert compare(row).verdict == verdict


def test_as_dictionary() -> None:
    found = as_dictionary(compare(LARGE_075))
    assert found["paper"]["params"] == "4.0M"
    assert found["paper"]["params_millions"] == 4.0
    assert found["paper"]["madds_millions"] == 155.0
    assert found["paper"]["pixel_ms"] == [39.0, 46.0, 40.0]
    assert found["difference"] == {"params": 3_993_528 - 4_000_000, "madds": -439_376}
    assert (found["params_with_bn"], found["madds_convolutions"]) == (3_993_528, 154_560_624)
    assert found["why"] is None

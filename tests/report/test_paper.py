"""Verdicts: which printed figures our integers have, and which are explained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnv3gen.report.paper import as_dictionary, compare, compare_all, has_digits
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

"""The paper's figures, read off tables 3 and 5, beside the networks that they belong to."""

from __future__ import annotations

from typing import Any

import pytest

from mnv3gen.tables.published import Printed, Published, published, published_for
from mnv3gen.tables.zoo import resolve

# Table 3 of the paper: top-1, MAdds and parameters, P-1, P-2 and P-3 in ms.
TABLE_3: list[tuple[str, str, tuple[Any, ...]]] = [
    ("mobilenet_v3_large", "1.0", (75.2, "219M", "5.4M", (51, 61, 44))),
    ("mobilenet_v3_large", "0.75", (73.3, "155M", "4.0M", (39, 46, 40))),
    ("mnasnet_a1", "1.0", (75.2, "315M", "3.9M", (71, 86, 61))),
    ("proxylessnas_mobile", "1.0", (74.6, "320M", "4.0M", (72, 84, 60))),
    ("mobilenet_v2", "1.0", (72.0, "300M", "3.4M", (64, 76, 56))),
    ("mobilenet_v3_small", "1.0", (67.4, "66M", "2.9M", (15.8, 19.4, 14.4))),
    ("mobilenet_v3_small", "0.75", (65.4, "44M", "2.4M", (12.8, 15.6, 11.7))),
    ("mnasnet_small", "1.0", (64.9, "65.1M", "1.9M", (20.3, 24.2, 17.2))),
    ("mobilenet_v2", "0.35", (60.8, "59.2M", "1.6M", (16.6, 19.6, 13.9))),
]

# Table 5: top-1, P-1, P-1 (no-opt).
TABLE_5 = {
    "V3-Large 1.0": ((), (75.2, 51.4, 57.5)),
    "ReLU": (("relu",), (74.5, 50.5, 50.5)),
    "h-swish @16": (("hswish@16",), (75.4, 53.5, 68.9)),
    "h-swish @112": (("hswish@112",), (75.0, 51.0, 54.4)),
}


def rows(table: int) -> list[Published]:
    return [row for row in published() if row.table == table]


def test_table_3() -> None:
    assert [
        (
            row.network,
            row.width,
            (
                *row.measured["top1"],
                row.madds and row.madds.text,
                row.params and row.params.text,
                row.measured["pixel_ms"],
            ),
        )
        for row in rows(3)
    ] == TABLE_3


def test_table_5() -> None:
    found = {
        row.row: (row.variants, sum(row.measured.values(), ()))  # the columns in their order
        for row in rows(5)
    }
    assert found == TABLE_5
    assert {(row.network, row.params, row.madds) for row in rows(5)} == {
        ("mobilenet_v3_large", None, None)
    }


@pytest.mark.parametrize(("name", "width"), [row[:2] for row in TABLE_3])
def test_published_for_a_network(name: str, width: str) -> None:
    found = published_for(resolve(name, width))
    assert found is not None
    assert (found.table, found.network, found.width) == (3, name, width)


def test_published_for_a_variant() -> None:
    found = published_for(resolve("mobilenet_v3_large", variants=["relu"]))
    assert found is not None
    assert (found.table, found.row) == (5, "ReLU")


@pytest.mark.parametrize(
    "changes",
    [{"width": "0.5"}, {"resolution": 192}, {"classes": 10}, {"variants": ["torchvision"]}],
)
def test_nothing_is_published_for_other_forms(changes: dict[str, Any]) -> None:
    assert published_for(resolve("mobilenet_v3_large", **changes)) is None


@pytest.mark.parametrize(
    ("text", "value", "place"),
    [
        ("5.4M", 5_400_000, 100_000),
        ("219M", 219_000_000, 1_000_000),
        ("65.1M", 65_100_000, 100_000),
        ("0.80B", 800_000_000, 10_000_000),
        ("21.29B", 21_290_000_000, 10_000_000),
    ],
)
def test_printed_numbers(text: str, value: int, place: int) -> None:
    assert (Printed(text).value, Printed(text).place) == (value, place)


def test_a_row_in_words() -> None:
    relu = next(row for row in rows(5) if row.row == "ReLU")
    assert relu.said() == "top-1 74.5 %, P-1 50.5 ms, P-1 (no-opt) 50.5 ms"
    assert relu.arguments() == "mobilenet_v3_large --variant relu"
    small = rows(3)[6]
    assert small.arguments() == "mobilenet_v3_small --width 0.75"
    assert small.said().startswith("2.4M parameters, 44M multiply-adds, top-1 65.4 %, P-1 12.8 ms")

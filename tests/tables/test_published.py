"""The paper's figures, read off tables 3 and 5 to 8, beside the networks that they belong to."""

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

# Tables 6 to 8 as printed, line by line, without what is not the paper's own.
TABLE_6 = """
V1 22.2 228 5.1 1.3
V2 22.1 162 4.3 0.80
MnasNet 23.0 174 4.88 0.84
V3 22.0 137 4.97 0.62
V3 † 22.0 119 3.22 0.51
V2 0.35 13.7 66 0.93 0.16
V2 0.5 16.6 79 1.54 0.27
MnasNet 0.35 15.6 68 1.02 0.18
MnasNet 0.5 18.5 85 1.68 0.29
V3-Small 16.0 52 2.49 0.21
V3-Small † 16.1 43 1.77 0.16
"""
TABLE_7 = """
1, V2 raspp 72.84 2.11M 21.29B 3900 1020
2, V2 raspp rf2 72.56 1.15M 13.68B 3030 793
3, V2 lraspp rf2 f256 72.97 1.02M 12.83B 2980 786
4, V2 lraspp rf2 72.74 0.98M 12.57B 2890 766
5, V3 raspp 72.64 3.60M 18.43B 3550 906
6, V3 raspp rf2 71.91 1.76M 11.24B 2600 668
7, V3 lraspp rf2 f256 72.37 1.63M 10.33B 2550 659
8, V3 lraspp rf2 72.36 1.51M 9.74B 2470 657
9, V2 0.5 lraspp rf2 68.57 0.28M 4.00B 1590 415
10, V2 0.35 lraspp rf2 66.83 0.16M 2.54B 1270 354
11, V3-Small lraspp rf2 68.38 0.47M 2.90B 1210 327
"""
TABLE_8 = """
V3 OS 16 (f) 72.6 9.74B 2470
V3 OS 16 (h) 72.6 2.48B 657
V3 OS 32 (f) 72.0 7.74B 2060
V3 OS 32 (h) 72.0 1.98B 534
V3-Small OS 16 (f) 69.4 2.90B 1210
V3-Small OS 16 (h) 69.4 0.74B 327
V3-Small OS 32 (f) 68.3 2.06B 1030
V3-Small OS 32 (h) 68.3 0.53B 275
"""


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


def test_table_6() -> None:
    lines = [
        f"{row.row} {row.measured['map'][0]} {row.measured['latency_ms'][0]:g}"
        f" {text(row.params)[:-1]} {text(row.madds)[:-1]}"
        for row in rows(6)
    ]
    assert lines == TABLE_6.split("\n")[1:-1]


def test_table_7() -> None:
    lines = [
        " ".join(
            [
                row.row,
                row.network.partition("_")[0],
                *row.variants,
                str(row.measured["miou"][0]),
                text(row.params),
                text(row.madds),
                *(f"{row.measured[key][0]:g}" for key in ("pixel3_full_ms", "pixel3_half_ms")),
            ]
        )
        for row in rows(7)
    ]
    assert lines == TABLE_7.split("\n")[1:-1]
    # The multiplier of a row's name is its network's.
    assert [row.width for row in rows(7)] == ["1.0"] * 8 + ["0.5", "0.35", "1.0"]


def test_table_8() -> None:
    lines = [
        f"{row.row} {row.measured['miou'][0]} {text(row.madds)} {row.measured['pixel3_ms'][0]:g}"
        for row in rows(8)
    ]
    assert lines == TABLE_8.split("\n")[1:-1]
    for row in rows(8):
        assert ("os32" in row.variants) == ("OS 32" in row.row)
        assert row.resolution == ("1025x2049" if "(f)" in row.row else "513x1025")


def text(printed: Printed | None) -> str:
    return printed.text if printed else "-"


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

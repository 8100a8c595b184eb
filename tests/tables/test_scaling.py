"""Scaling against tables that were worked out elsewhere (tests/tables/data) and by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnv3gen.errors import InputError, TableError
from mnv3gen.tables.channels import make_divisible
from mnv3gen.tables.network import Conventions, Network, Row
from mnv3gen.tables.parse import load, parse
from mnv3gen.tables.scaling import read_width, resized, scaled, with_classes
from mnv3gen.tables.zoo import get, resolve

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 8),
        (8, 8),
        (9, 16),
        (12, 16),
        (18, 24),
        (20, 24),
        (Fraction(88, 3), 32),
        (36, 40),
        (1280, 1280),
    ],
)
def test_make_divisible(value: Fraction | int, expected: int) -> None:
    assert make_divisible(value) == expected


@given(st.fractions(0, 10_000), st.integers(1, 32))
def test_make_divisible_is_near_and_never_below_nine_tenths(value: Fraction, divisor: int) -> None:
    rounded = make_divisible(value, divisor)
    assert rounded % divisor == 0
    assert rounded >= value * Fraction(9, 10)
    assert rounded == divisor or abs(rounded - value) < divisor


@pytest.mark.parametrize("width", ["1.0", "0.75", "0.35"])
@pytest.mark.parametrize("size", ["large", "small"])
def test_paper_rule_row_for_row(size: str, width: str) -> None:
    network = scaled(get(f"mobilenet_v3_{size}"), width)
    assert network.rows == load(DATA / f"{size}_{width}.md").rows


# Expansion, output channels and squeeze of every row but the pool, for torchvision's rule. By hand:
# 0.75 * 24 = 18, of which 16 is less than 90%: 24. 0.75 * 72 = 54: 56, and 56 // 4 = 14: 16.
LARGE_075_TORCHVISION = [
    (0, 16, 0),
    (16, 16, 0),
    (48, 24, 0),
    (56, 24, 0),
    (56, 32, 16),
    (88, 32, 24),
    (88, 32, 24),
    (184, 64, 0),
    (152, 64, 0),
    (136, 64, 0),
    (136, 64, 0),
    (360, 88, 88),
    (504, 88, 128),
    (504, 120, 128),
    (720, 120, 184),
    (720, 120, 184),
    (0, 720, 0),
    (0, 960, 0),
    (0, 1000, 0),
]


def widths(network: Network) -> list[tuple[int, int, int]]:
    rows = [row for row in network.rows if row.operator != "pool"]
    return [(row.expansion, row.out, row.squeeze) for row in rows]


def test_torchvision_rule_by_hand() -> None:
    network = resolve("mobilenet_v3_large", width="0.75", variants=["torchvision"])
    assert widths(network) == LARGE_075_TORCHVISION


def test_torchvision_rule_keeps_the_ratio_of_the_last_convolution() -> None:
    small = resolve("mobilenet_v3_small", width="0.35", variants=["torchvision"])
    # 0.35 * 96 = 33.6: 32, and six times that; 0.35 * 1280 = 448.
    assert [row.out for row in small.rows[-4:]] == [192, 0, 448, 1000]


def test_a_squeeze_of_its_own_is_scaled_and_a_ticked_one_follows_its_expansion() -> None:
    rows = (
        Row("conv2d", 3, 0, 32, 0, "RE", 2),
        Row("bneck", 5, 96, 40, 10, "RE", 1),  # the rule would give 24
        Row("bneck", 5, 120, 40, 32, "RE", 1),  # by the rule
        Row("conv2d", 1, 0, 576, 144, "HS", 1),  # by the rule, from its output
    )
    half = scaled(Network("net", 32, 32, 3, 10, rows), Fraction(1, 2))
    # Expansions 16 * 96 / 32 = 48 and 24 * 120 / 40 = 72; squeezes 5: 8; 72 / 4 = 18: 24; 288 / 4.
    assert widths(half) == [(0, 16, 0), (48, 24, 8), (72, 24, 24), (0, 288, 72)]


def test_ratio_1_keeps_the_input_width_and_expansion_never_falls_below_it() -> None:
    rows = (
        Row("bneck", 3, 12, 12, 0, "RE", 1),  # ratio 1 of an input that is no multiple of 8
        Row("bneck", 3, 13, 16, 0, "RE", 1),  # 16 * 13 / 12 = 17.3: 16, its input's width
        Row("conv2d", 1, 0, 10, 0, "", 1, True, 1),
        Row(
            "bneck", 3, 10, 8, 0, "RE", 1
        ),  # the input has not been scaled; 11.2: 16, as 8 is too small
    )
    network = Network("net", 32, 32, 12, 10, rows)
    assert widths(scaled(network, "1.4")) == [(12, 16, 0), (16, 24, 0), (0, 10, 0), (10, 16, 0)]
    torchvision = replace(network, conventions=Conventions(width_rule="torchvision"))
    assert [row.expansion for row in scaled(torchvision, "0.1").rows] == [12, 8, 0, 10]


def test_width_1_leaves_a_table_as_it_is() -> None:
    network = Network("net", 32, 32, 3, 10, (Row("conv2d", 3, 0, 10, 0, "HS", 2),))
    assert scaled(network, "1.0") == network
    assert scaled(network, "0.99") != network


def test_widths_are_read_exactly() -> None:
    for width in ("0.35", 0.35, Fraction(7, 20)):
        assert read_width(width) == Fraction(7, 20)
    assert read_width(".5") == Fraction(1, 2)
    assert read_width(8) == 8


@pytest.mark.parametrize(
    "width", ["0", "-1", "8.01", "1/2", "1e0", "1_0", "٣", "nan", float("inf"), 0, "", "1\n"]
)
def test_impossible_widths(width: str | float) -> None:
    with pytest.raises(InputError, match="above 0 and at most 8") as caught:
        read_width(width)
    assert caught.value.found == str(width)


def test_a_scaled_width_past_its_limit_is_an_error() -> None:
    network = Network("net", 32, 32, 3, 10, (Row("conv2d", 3, 0, 60000, 0, "HS", 2),))
    with pytest.raises(TableError, match=r"net, row 1, out: .*\n  found:    120000"):
        scaled(network, 2)


def test_resized_and_with_classes() -> None:
    network = get("mobilenet_v3_small")
    smaller = with_classes(resized(network, 96, 160), 21)
    assert (smaller.height, smaller.width, smaller.classes) == (96, 160, 21)
    assert [row.out for row in smaller.rows[-2:]] == [1280, 21]
    assert smaller.rows[:-1] == network.rows[:-1]
    with pytest.raises(TableError, match=r"input: input out of range\n  found:    \(0, 8, 3\)"):
        resized(network, 0, 8)
    with pytest.raises(TableError, match=r"classes out of range\n  found:    0"):
        with_classes(network, 0)


@pytest.mark.parametrize(
    ("name", "width", "last"),
    [
        ("mobilenet_v2", "0.5", 1280),
        ("mobilenet_v2", "1.4", 1792),
        ("mnasnet_a1", "0.5", 1280),
        ("mnasnet_a1", "1.4", 1280),
        ("mobilenet_v1", "0.5", 512),
        ("mobilenet_v3_large", "0.5", 480),
    ],
)
def test_the_last_convolution_before_the_pool(name: str, width: str, last: int) -> None:
    rows = resolve(name, width).rows
    pool = next(at for at, row in enumerate(rows) if row.operator == "pool")
    assert rows[pool - 1].out == last


def test_v1_cuts_widths_and_keeps_8() -> None:
    rows = (Row("conv2d", 3, 0, 33, 0, "R6", 2), Row("bneck", 3, 66, 15, 0, "R6", 1))
    network = Network("net", 32, 32, 3, 10, rows, Conventions(width_rule="v1"))
    # 16.5: 16; 16 * 66 / 33 = 32; 7.5: 8.
    assert widths(scaled(network, "0.5")) == [(0, 16, 0), (32, 8, 0)]


def test_a_squeeze_relative_to_the_input_follows_it() -> None:
    scaled_rows = resolve("mnasnet_a1", "0.35").rows
    # Inputs 24, 40, 40, 80, 112, 112, 160, 160 by 0.35, of which a quarter.
    assert [row.squeeze for row in scaled_rows if row.squeeze] == [2, 4, 4, 8, 10, 10, 14, 14]


DETECTOR = """
input: 32x32x3
outputs: boxes, scores, more
width_rule: v2
From  Operator         exp size  #out  SE  NL  s  As
-     conv2d, 3x3             -    32   -  R6  2  -
-     conv2d, 1x1             -  1280   -  R6  1  C5
-     conv2d 1x1, NBN         -    24   -   -  1  boxes
C5    conv2d 1x1, NBN         -    6k   -   -  1  scores
C5    conv2d, 1x1             -   256   -  R6  1  -
-     dw, 3x3                 -     -   -  R6  2  -
-     conv2d, 1x1             -   512   -  R6  1  more
"""


@pytest.mark.parametrize(
    ("width", "outs"),
    [
        # C5 is scaled as the trunk: 448 and 640; the further layers are cut: 89.6 and 179.2.
        ("0.35", [16, 448, 24, 6000, 89, 0, 179]),
        ("0.5", [16, 640, 24, 6000, 128, 0, 256]),
    ],
)
def test_a_detector_s_further_layers(width: str, outs: list[int]) -> None:
    assert [row.out for row in scaled(parse(DETECTOR), width).rows] == outs


def test_a_segmentation_head_keeps_its_filters() -> None:
    network = parse("""
        input: 32x32x3
        width_rule: v2
        From         Operator         exp size  #out  SE  NL  s  As
        -            conv2d, 3x3             -    32   -  R6  2  -
        -            bneck, 3x3             64   320   -  R6  1  C5
        -            conv2d, 1x1             -   128   -  RE  1  features
        C5           pool                    -     -   -   -  1  -
        -            conv2d 1x1, NBN         -   128   -  SG  1  -
        -, features  resize                  -     -   -   -  1  -
        features, -  gate                    -     -   -   -  1  -
        -            conv2d 1x1, NBN         -     k   -   -  1  -
    """)
    assert [row.out for row in scaled(network, "0.5").rows if row.out] == [16, 160, 128, 128, 1000]

"""Tables of heads: labels, taps, dilation, windowed pools and several outputs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mnv3gen.errors import TableError
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.parse import parse
from mnv3gen.tables.scaling import resized, with_classes
from mnv3gen.tables.shapes import label_shapes, row_shapes, source_shapes

from .spoiled import Case, check

SSDLITE = """name: ssdlite_tiny
input: 80x80x3
classes: 4
padding: same
bn_eps: 0.001
squeeze: expansion/4
width_rule: paper
preprocess: inception
outputs: boxes1, scores1, boxes2, scores2

Input       From  Operator         exp size  #out  SE  NL  s  As
80^2 x 3    -     conv2d, 3x3             -    16   -  HS  2  -
40^2 x 16   -     bneck, 3x3             64    24   -  RE  2  -
20^2 x 24   -     bneck, 5x5            144    40   ✓  HS  2  c4=expand
10^2 x 40   -     conv2d, 1x1             -   240   -  HS  1  c5
20^2 x 144  c4    dw, 3x3                 -     -   -  R6  1  -
20^2 x 144  -     conv2d 1x1, NBN         -    12   -   -  1  boxes1
20^2 x 144  c4    dw, 3x3                 -     -   -  R6  1  -
20^2 x 144  -     conv2d 1x1, NBN         -    3k   -   -  1  scores1
10^2 x 240  c5    conv2d, 1x1             -    64   -  R6  1  -
10^2 x 64   -     dw, 3x3                 -     -   -  R6  2  -
5^2 x 64    -     conv2d, 1x1             -   128   -  R6  1  c6
5^2 x 128   -     dw, 3x3                 -     -   -  R6  1  -
5^2 x 128   -     conv2d 1x1, NBN         -    24   -   -  1  boxes2
5^2 x 128   c6    dw, 3x3                 -     -   -  R6  1  -
5^2 x 128   -     conv2d 1x1, NBN         -    6k   -   -  1  scores2
"""

LRASPP = """
classes: 19
resize: half_pixel
Input         From         Operator           exp size  #out  SE  NL  s  As
64 x 128 x 3  -            conv2d, 3x3               -    16   -  HS  2  -
32 x 64 x 16  -            bneck, 3x3               64    24   -  RE  2  -
16 x 32 x 24  -            bneck, 5x5               72    40   ✓  RE  2  skip=depthwise
8 x 16 x 40   -            bneck, 5x5              240    48   ✓  HS  2  -
4 x 8 x 48    -            bneck, 5x5, d2          288    48   ✓  HS  1  -
4 x 8 x 48    -            conv2d, 1x1               -   288   -  HS  1  c5
4 x 8 x 288   -            conv2d, 1x1               -   128   -  RE  1  features
4 x 8 x 288   c5           pool, 49x49/16x20         -     -   -   -  1  -
1^2 x 288     -            conv2d 1x1, NBN           -   128   -  SG  1  -
1^2 x 128     -, features  resize                    -     -   -   -  1  -
4 x 8 x 128   features, -  gate                      -     -   -   -  1  -
4 x 8 x 128   -, skip      resize                    -     -   -   -  1  -
8 x 16 x 128  -            conv2d 1x1, NBN           -     k   -   -  1  deep
8 x 16 x 72   skip         conv2d 1x1, NBN           -     k   -   -  1  -
8 x 16 x 19   deep, -      add                       -     -   -   -  1  -
"""


def test_detector_shapes() -> None:
    network = parse(SSDLITE)
    assert network.outputs == ("boxes1", "scores1", "boxes2", "scores2")
    assert label_shapes(network) == {
        "c4": (20, 20, 144),
        "c5": (10, 10, 240),
        "boxes1": (20, 20, 12),
        "scores1": (20, 20, 12),
        "c6": (5, 5, 128),
        "boxes2": (5, 5, 24),
        "scores2": (5, 5, 24),
    }
    assert row_shapes(network)[9] == ((10, 10, 64), (5, 5, 64))
    assert network.rows[2].labels == (("c4", "expand"),)
    assert network.rows[4] == Row("dw", 3, 0, 0, 0, "R6", 1, sources=("c4",))


def test_detector_is_printed_as_it_stands() -> None:
    assert format_network(parse(SSDLITE)) == SSDLITE


def test_detector_with_other_classes() -> None:
    shapes = label_shapes(with_classes(parse(SSDLITE), 91))
    assert (shapes["scores1"], shapes["scores2"]) == ((20, 20, 273), (5, 5, 546))
    assert shapes["boxes2"] == (5, 5, 24)


def test_segmentation_shapes() -> None:
    network = parse(LRASPP)
    assert network.conventions.resize == "half_pixel"
    assert label_shapes(network)["skip"] == (8, 16, 72)
    assert source_shapes(network)[11] == ((4, 8, 128), (8, 16, 72))
    assert row_shapes(network)[-1] == ((8, 16, 19), (8, 16, 19))
    assert network.rows[4].dilation == 2
    assert network.rows[7].window == (49, 49)
    assert network.rows[7].strides == (16, 20)
    assert network.rows[8].nonlinearity == "SG"
    assert network.rows[9].sources == ("", "features")
    assert parse(format_network(network)) == network


def test_segmentation_at_full_resolution() -> None:
    shapes = row_shapes(resized(parse(LRASPP), 1024, 2048))
    # At stride 16 features are 64 x 128: (64 - 49) // 16 + 1 = 1, (128 - 49) // 20 + 1 = 4.
    assert shapes[7] == ((64, 128, 288), (1, 4, 288))
    assert shapes[-1] == ((128, 256, 19), (128, 256, 19))


POOLED = [
    ("10x10", "49x49/16x20", (1, 1)),
    ("65x129", "49x49/16x20", (2, 5)),
    ("64x128", "49x49/16x20", (1, 4)),
    ("7x7", "7x7/7x7", (1, 1)),
    ("7x9", "3x2/2x3", (3, 3)),
    ("7x9", "1x1/9x9", (1, 1)),
]


@pytest.mark.parametrize(("size", "window", "expected"), POOLED)
def test_windowed_pool(size: str, window: str, expected: tuple[int, int]) -> None:
    network = parse(f"input: {size}x5\npool, {window}  -  -  -  -  1")
    assert row_shapes(network)[0][1] == (*expected, 5)
    assert f"pool, {window}" in format_network(network)


def test_mobilenet_v1_blocks() -> None:
    network = parse("input: 7x7x8\ndw, 3x3  -  -  -  RE  2\nconv2d, 1x1  -  16  -  RE  1")
    assert row_shapes(network) == (((7, 7, 8), (4, 4, 8)), ((4, 4, 8), (4, 4, 16)))
    assert "From" not in format_network(network)


def test_columns_from_and_as_are_known_by_the_heading() -> None:
    heading = "Operator | exp size | #out | SE | NL | s"
    only_as = parse(f"input: 8x8x3\noutputs: end\n{heading} | As\npool|-|-|-|-|1|end, last")
    assert only_as.rows[0].labels == (("end", ""), ("last", ""))
    only_from = parse(f"input: 8x8x3\nFrom | {heading}\n-,-|add|-|-|-|-|1")
    assert only_from.rows[0].sources == ("", "")
    assert format_network(only_from, "paper").startswith("Input\tFrom\tOperator\texp size")
    assert format_network(only_as, "paper").startswith("outputs: end\nInput\tOperator\texp size")


GOOD = """input: 32x32x3
classes: 4
outputs: boxes, mask

From  Operator  exp size  #out  SE  NL  s  As
-  conv2d  -  16  -  HS  2  stem
-  bneck, 5x5, d2  64  24  -  RE  1  low, wide=expand
-  bneck, 3x3  24  24  -  RE  2  -
-, low  resize  -  -  -  -  1  big
low, big  add  -  -  -  -  1  -
-, stem  concat  -  -  -  -  1  -
-  dw, 3x3, d2  -  -  -  R6  1  both
-  pool, 9x9/4x4  -  -  -  -  1  -
-  conv2d 1x1, NBN  -  40  -  SG  1  -
-, both  resize  -  -  -  -  1  -
both, -  gate  -  -  -  -  1  mask
wide  conv2d 1x1, NBN  -  6k  -  -  1  boxes
"""

# What is replaced by what; line, column; problem, found, expected, nearest.
CASES: list[Case] = [
    ("boxes, mask", "boxes, msk", 3, 17, "unknown label", "msk", "stem, low", ("mask",)),
    ("boxes, mask", ",", 3, 10, "no outputs", ",", "labels of rows", ()),
    ("boxes, mask", "mask mask boxes", 3, 15, "an output given twice", "mask", "of mask", ()),
    ("boxes, mask", "boxes", 16, 1, "nothing reads this row", "gate", "among the outputs", ()),
    ("  As\n", "\n", 6, 1, "wrong number", "8 cells", "7 cells", ()),
    ("From  Op", "Op", 6, 1, "wrong number", "8 cells", "7 cells", ()),
    ("From  Operator", "Operator  From", 5, 1, "unknown heading", "Operator", "From", ()),
    ("2  stem", "2  2stem", 6, 29, "not a label", "2stem", "a letter, then", ()),
    ("2  stem", "2  stem=depthwise", 6, 29, "only a bneck has parts", "stem=d", "stem", ()),
    ("low, wide=expand", "low, low", 7, 43, "a label defined twice", "low", "so far", ()),
    ("1  big", "1  low", 9, 32, "a label defined twice", "low", "so far", ()),
    ("wide=expand", "wide=expnd", 7, 43, "unknown part", "wide=expnd", "depthwise", ("expand",)),
    ("wide=expand", "wide=", 7, 43, "without its part", "wide=", "wide=expand or", ()),
    ("low, wide=expand", ", low", 7, 38, "no label", "nothing", "labels divided by", ()),
    ("RE  2  -", "RE  2  a=expand", 8, 34, "a bneck without expansion", "a=expand", "a=depth", ()),
    ("-, low", "-, lw", 9, 4, "unknown label", "lw", "stem, low, wide", ("low",)),
    ("-, low", "-, both", 9, 4, "unknown label", "both", "stem, low, wide", ()),
    ("-, low", "-", 9, 1, "wrong number of sources", "-", "2 for resize", ()),
    ("-, stem", "stem", 11, 1, "wrong number of sources", "stem", "2 for concat or more", ()),
    ("low, big", "low, big, -", 10, 1, "wrong number of sources", "low, big, -", "2 for add", ()),
    ("low, big", "stem, big", 10, 1, "not fit", "16x16x16 and 16x16x24", "twice 16x16x16", ()),
    ("both, -", "stem, -", 16, 1, "not fit", "16x16x16 and 16x16x40", "or 1x1x16, for a", ()),
    ("-, both", "-, low, both", 15, 1, "wrong number", "-, low, both", "2 for resize", ()),
    ("-, low  resize", "-, low  concat", 9, 1, "not fit", "8x8x24 and 16x16x24", "8x8 in", ()),
    ("resize  -  -  -  -  1  big", "resize  -  -  -  -  2  big", 9, 29, "stride", "2", "1, f", ()),
    ("add  -  -  -  -", "add  -  24  -  -", 10, 19, "an add keeps its channels", "24", "-", ()),
    ("add  -  -  -  -", "add  -  -  -  RE", 10, 25, "an add has no nonlin", "RE", "-", ()),
    ("  add", "  add, 3x3", 10, 16, "an add has no window", "3x3", "a mere add", ()),
    ("  add", "  add, d2", 10, 16, "an add has no dilation", "d2", "no d2", ()),
    ("concat  -  -", "concat  -  40", 11, 21, "a concat adds up its channels", "40", "-", ()),
    ("dw, 3x3, d2", "dw, d2", 12, 4, "a dw without its kernel", "dw", "dw, 3x3", ()),
    ("dw, 3x3, d2", "dw, 1x1", 12, 8, "impossible kernel", "1x1", "3x3, 5x5", ()),
    ("dw, 3x3, d2", "dw, 3x3/2x2", 12, 8, "only a pool strides", "3x3/2x2", "3x3", ()),
    ("dw, 3x3, d2", "dw, 3x3, d0", 12, 14, "not a number", "0", "d1 to d64", ()),
    ("dw, 3x3, d2", "dw, 3x3, d65", 12, 13, "impossible dilation", "d65", "d1 to d64", ()),
    ("dw, 3x3, d2", "dw, 3x3, d2, d2", 12, 17, "too much for an operator", "d2", "one window", ()),
    ("dw, 3x3, d2", "dw 3x3, NBN", 12, 12, "only a conv2d can be NBN", "NBN", "dw, 3x3", ()),
    ("d2  -  -  -  R6", "d2  40  -  -  R6", 12, 17, "a dw has no expansion", "40", "-", ()),
    ("-  R6", "✓  R6", 12, 23, "a dw has no squeeze", "✓", "-", ()),
    ("-  R6", "-  SG", 12, 26, "only a conv2d ends in a sig", "SG", "RE, R6, HS, -", ()),
    ("9x9/4x4", "9x9", 13, 10, "not global", "9x9", "16x16, the whole input, strides", ()),
    ("9x9/4x4", "9x9/4", 13, 10, "not a window", "9x9/4", "such as 3x3", ()),
    ("9x9/4x4", "9x9/0x4", 13, 10, "impossible window", "9x9/0x4", "at least 1", ()),
    ("9x9/4x4", "9x9/4x8193", 13, 10, "impossible strides", "9x9/4x8193", "1 to 8192", ()),
]


@pytest.mark.parametrize("case", CASES)
def test_errors_name_their_places(case: Case) -> None:
    check(GOOD, case)


def test_the_table_that_the_cases_spoil_is_good() -> None:
    network = parse(GOOD)
    assert label_shapes(network)["mask"] == (16, 16, 40)
    assert label_shapes(network)["boxes"] == (16, 16, 24)


def test_a_row_that_is_read_only_inside_is_not_read() -> None:
    text = GOOD.replace("wide  conv", "low  conv").replace("low, wide=expand", "wide=expand, low")
    assert parse(text)
    heading, last = "From  Operator  exp size  #out  SE  NL  s  As\n", "  -  16  -  -  1  -\n"
    rows = "-  bneck, 3x3  24  8  -  RE  1  a=expand\na  conv2d" + last
    with pytest.raises(TableError, match="t:3:1: nothing reads this row"):
        parse("input: 8x8x3\n" + heading + rows, source="t")


def test_channels_of_a_concat_are_limited() -> None:
    rows = "-, -  concat  -  -  -  -  1\n" * 20  # 3 * 2 ** 15 is 98304
    with pytest.raises(TableError, match="at most 65536 channels together") as caught:
        parse("input: 8x8x3\nFrom  Operator  exp size  #out  SE  NL  s\n" + rows, source="t")
    assert caught.value.place == "t:17:1"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"sources": ("",)}, "net, row 1, sources"),
        ({"sources": ["stem"]}, "net, row 1, sources"),
        ({"sources": ("stem",)}, "net, row 1, sources"),
        ({"labels": ("ab",)}, "net, row 1, labels"),
        ({"labels": tuple((f"l{i}", "") for i in range(9))}, "net, row 1, labels"),
        ({"labels": (("a b", ""),)}, "net, row 1, labels"),
        ({"dilation": 0}, "net, row 1, dilation"),
        ({"window": (2, 2)}, "net, row 1, window"),
    ],
)
def test_invalid_rows_from_python(changes: dict[str, object], place: str) -> None:
    row = replace(Row("conv2d", 3, 0, 16, 0, "HS", 2), **changes)  # type: ignore[arg-type]
    with pytest.raises(TableError) as caught:
        Network("net", 32, 32, 3, 10, (row,))
    assert caught.value.place == place


def test_invalid_outputs_from_python() -> None:
    row = Row("conv2d", 3, 0, 16, 0, "HS", 2, labels=(("end", ""),))
    assert Network("net", 32, 32, 3, 10, (row,), outputs=("end",))
    with pytest.raises(TableError) as caught:
        Network("net", 32, 32, 3, 10, (row,), outputs=("and",))
    assert (caught.value.place, caught.value.nearest) == ("net, outputs", ("end",))
    with pytest.raises(TableError, match="net, row 2: nothing reads this row"):
        Network("net", 32, 32, 3, 10, (row, replace(row, labels=())), outputs=("end",))
    with pytest.raises(TableError, match="net, row 1: nothing reads this row"):
        inner = replace(row, operator="bneck", expansion=8, labels=(("end", "expand"),))
        Network("net", 32, 32, 3, 10, (inner,), outputs=("end",))

"""Every error names file, line and column, what was found, what was expected, and near choices."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnv3gen.errors import InputError, TableError
from mnv3gen.tables.parse import load, parse

from .spoiled import Case, check

GOOD = """name: small_net
input: 32x32x3
classes: 10

Input  Operator  exp size  #out  SE  NL  s
32x32x3  conv2d, 3x3  -  16  -  HS  2
16x16x16  bneck, 3x3  64  24  ✓  RE  2
8x8x24  pool, 8x8  -  -  -  -  1
1x1x24  conv2d 1x1, NBN  -  k  -  -  1
"""

# What is replaced by what; line, column; problem, found, expected, nearest.
CASES: list[Case] = [
    (
        "name: s",
        "nane: s",
        1,
        1,
        "unknown header key",
        "nane",
        "name, input, cla",
        ("name", "gate"),
    ),
    ("name: small_net", "name: Net-1", 1, 7, "not a network name", "Net-1", "lower-case", ()),
    ("classes: 10", "name: b", 3, 1, "repeated header key", "name", "stands on line 1", ()),
    ("32x32x3\nc", "32x32\nc", 2, 8, "not an input", "32x32", "224x224x3 or 224^2 x 3", ()),
    ("32x32x3\nc", "32x9000x3\nc", 2, 8, "input out of range", "32x9000x3", "1 to 8192", ()),
    ("32x32x3\nc", "²x32x3\nc", 2, 8, "not an input", "²x32x3", "224x224x3", ()),
    ("classes: 10", "classes: 0", 3, 10, "not a number of the table", "0", "1 to 1000000", ()),
    ("classes: 10", "classes: 1000001", 3, 10, "out of range", "1000001", "1 to 1000000", ()),
    ("classes: 10", "padding: some", 3, 10, "unknown padding", "some", "same, symm", ("same",)),
    ("classes: 10", "bn_eps: 1e999", 3, 9, "bn_eps out of range", "1e999", "0 and 1", ()),
    ("classes: 10", "bn_eps: nan", 3, 9, "bn_eps out of range", "nan", "0.001", ()),
    (
        "classes: 10",
        "squeeze: none",
        3,
        10,
        "unknown squeeze",
        "none",
        "expansion/4, input/4, ",
        (),
    ),
    ("#out  SE", "#in  SE", 5, 1, "incomplete heading", "Input  Operator", "#out", ()),
    ("#out", "out", 5, 28, "unknown heading", "out", "#out", ("#out",)),
    ("bneck,", "bnek,", 7, 11, "unknown operator", "bnek", "conv2d, bneck", ("bneck",)),
    (
        "conv2d, 3",
        "Conv2D, 3",
        6,
        10,
        "unknown operator",
        "Conv2D",
        "conv2d, ",
        ("conv2d", "concat"),
    ),
    ("bneck, 3x3", "bneck", 7, 11, "without its kernel", "bneck", "bneck, 3x3", ()),
    ("bneck, 3x3", "bneck, 4x4", 7, 18, "impossible kernel", "4x4", "3x3, 5x5, 7x7", ()),
    ("bneck, 3x3", "bneck, 1x1", 7, 18, "impossible kernel", "1x1", "3x3, 5x5, 7x7", ()),
    ("bneck, 3x3", "bneck, 13x13", 7, 18, "impossible kernel", "13x13", "11x11", ()),
    ("bneck, 3x3", "bneck, 3x5", 7, 18, "a kernel is square", "3x5", "3x3 or 5x5", ()),
    ("bneck, 3x3", "bneck, 3", 7, 18, "not a window", "3", "such as 3x3", ()),
    ("bneck, 3x3", "bneck, 3x3 5x5", 7, 22, "too much", "5x5", "one window", ()),
    ("bneck, 3x3", "bneck 3x3 NBN", 7, 21, "only a conv2d can be NBN", "NBN", "bneck, 3x3", ()),
    ("  64", "  15", 7, 23, "impossible expansion", "15", "16 (the input's channels", ()),
    ("  64", "  -", 7, 23, "impossible expansion", "-", "16 (the input's channels", ()),
    ("  64", "  65537", 7, 23, "impossible expansion", "65537", "to 65536", ()),
    ("  64", "  e4", 7, 23, "not a number of the table", "e4", "1 to 65536, or -", ()),
    ("-  16  -", "8  16  -", 6, 23, "a conv2d has no expansion", "8", "-", ()),
    ("  24  ✓", "  k  ✓", 7, 27, "only a conv2d counts classes", "k", "an integer", ()),
    ("  24  ✓", "  -  ✓", 7, 27, "output channels out of range", "-", "1 to 65536", ()),
    ("  24  ✓", "  65537  ✓", 7, 27, "output channels out of range", "65537", "1 to 65536", ()),
    ("  24  ✓", "  ٢٤  ✓", 7, 27, "not a number", "٢٤", "1 to 65536", ()),
    ("  24  ✓", "  +24  ✓", 7, 27, "not a number", "+24", "1 to 65536", ()),
    ("  k  ", "  xk  ", 9, 29, "not a number", "x", "6k, six times that", ()),
    ("  k  ", "  100001k  ", 9, 29, "out of range", "100001k", "1 to 1000000", ()),
    ("✓", "yes", 7, 31, "not a number", "yes", "✓, - or a squeeze width", ()),
    ("✓", "65537", 7, 31, "squeeze out of range", "65537", "up to 65536", ()),
    ("  HS  2", "  hs  2", 6, 33, "unknown nonlinearity", "hs", "RE, R6, HS, SG, -", ("HS", "SG")),
    ("RE  2", "RELU  2", 7, 34, "unknown nonlinearity", "RELU", "RE, R6, HS, SG, -", ("RE",)),
    ("RE  2", "RE  3", 7, 38, "impossible stride", "3", "1 or 2", ()),
    ("RE  2", "RE  0", 7, 38, "not a number", "0", "1 or 2", ()),
    ("RE  2", "RE", 7, 1, "wrong number of cells", "6 cells", "7 cells", ()),
    ("RE  2", "RE  1", 8, 1, "does not follow", "8x8x24", "16x16x24, by the rows above", ()),
    ("pool, 8x8", "pool, 7x7", 8, 15, "not global", "7x7", "8x8, the whole input", ()),
    ("8x8  -  -  -", "8x8  -  -  ✓", 8, 26, "a pool has no squeeze", "✓", "-", ()),
    ("8x8  -  -", "8x8  8  -", 8, 20, "a pool has no expansion", "8", "-", ()),
    ("8x8  -  -", "8x8  -  8", 8, 23, "a pool keeps its channels", "8", "-", ()),
    ("-  -  1\n1", "-  HS  1\n1", 8, 29, "a pool has no nonlinearity", "HS", "-", ()),
    ("-  -  1\n1", "-  -  2\n1", 8, 32, "impossible stride", "2", "1, for a pool", ()),
    (
        "8x8x24  p",
        "padding: same\n8x8x24  p",
        8,
        1,
        "a header line among",
        "padding: same",
        "above",
        (),
    ),
    ("1x1x24", "9" * 5000, 9, 1, "line too long", "999", "1000 characters", ()),
    ("1x1x24", "9" * 500, 9, 1, "not an input", "999", "224x224x3", ()),
    ("1x1x24", "1x1x\x00", 9, 1, "not an input", "1x1x\\x00", "224x224x3", ()),
]


@pytest.mark.parametrize("case", CASES)
def test_error_names_place_found_expected_and_nearest(case: Case) -> None:
    check(GOOD, case)


def test_the_table_that_the_cases_spoil_is_good() -> None:
    assert parse(GOOD).rows[1].squeeze == 16


def test_text_of_an_error() -> None:
    with pytest.raises(InputError) as caught:
        parse(GOOD.replace("bneck,", "bnek,"), source="net.bneck")
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "net.bneck:7:11: unknown operator\n"
        "  found:    bnek\n"
        "  expected: conv2d, bneck, dw, pool, add, concat, gate, resize\n"
        "  nearest:  bneck"
    )


def test_no_input_size() -> None:
    with pytest.raises(TableError, match=r"t:1:1: no input size(.|\n)*`input: 224x224x3`"):
        parse("conv2d  -  16  -  HS  2", source="t")


def test_no_rows() -> None:
    with pytest.raises(TableError, match="t: no table"):
        parse("# nothing\ninput: 8x8x3\n", source="t")


def test_too_many_rows() -> None:
    row = "pool  -  -  -  -  1\n"
    assert len(parse("input: 8x8x3\n" + row * 1000).rows) == 1000
    with pytest.raises(TableError, match="t:1002:1: too many rows"):
        parse("input: 8x8x3\n" + row * 1001, source="t")


def test_too_long_a_text() -> None:
    with pytest.raises(TableError, match=r"t: text too long\n  found:    1000001 characters"):
        parse("#" * 1_000_001, source="t")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.bneck", tmp_path):
        with pytest.raises(TableError, match="cannot read"):
            load(path)
    latin = tmp_path / "latin.bneck"
    latin.write_bytes(b"# caf\xe9\n")
    with pytest.raises(TableError, match="UTF-8"):
        load(latin)


def test_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "net.bneck"
    path.write_text(GOOD.replace("RE  2", "RE  3"), encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load(path)
    assert caught.value.place == f"{path}:7:38"

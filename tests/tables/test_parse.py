"""What the language accepts. Expected rows are read off tables 1 and 2 of the paper."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from mnv3gen.tables.network import Conventions, Row
from mnv3gen.tables.parse import load, parse
from mnv3gen.tables.shapes import row_shapes

DATA = Path(__file__).parent / "data"

BNECK = Row("bneck", 5, 72, 40, 24, "RE", 2)  # table 1, fifth row: 72 / 4 = 18, and 16 < 0.9 * 18


def test_table_1_parses_as_printed() -> None:
    network = load(DATA / "table1.tsv")
    assert (network.name, network.height, network.width) == ("table1", 224, 224)
    assert (network.channels, network.classes, network.conventions) == (3, 1000, Conventions())
    assert len(network.rows) == 20
    assert network.rows[0] == Row("conv2d", 3, 0, 16, 0, "HS", 2)
    assert network.rows[1] == Row("bneck", 3, 16, 16, 0, "RE", 1)
    assert network.rows[4] == BNECK
    assert network.rows[17] == Row("pool", 0, 0, 0, 0, "", 1)
    assert network.rows[18] == Row("conv2d", 1, 0, 1280, 0, "HS", 1, batch_norm=False)
    assert network.rows[19] == Row("conv2d", 1, 0, 1000, 0, "", 1, False, per_class=1)
    squeezes = [row.squeeze for row in network.rows if row.squeeze]
    assert squeezes == [24, 32, 32, 120, 168, 168, 240, 240]


def test_table_2_parses_as_printed_with_its_tick_on_a_convolution() -> None:
    network = load(DATA / "table2.tsv")
    assert len(network.rows) == 16
    assert network.rows[1] == Row("bneck", 3, 16, 16, 8, "RE", 2)
    assert network.rows[12] == Row("conv2d", 1, 0, 576, 144, "HS", 1)


def test_rows_know_their_lines() -> None:
    assert [row.line for row in load(DATA / "table1.tsv").rows[:3]] == [2, 3, 4]


@pytest.mark.parametrize(
    "cell", [r"$224^2 \times 3$", "224^2 x 3", "224^2x3", "224x224x3", "224 x 224 x 3"]
)
def test_forms_of_a_square_input(cell: str) -> None:
    network = parse(f"{cell}\tconv2d\t-\t16\t-\tHS\t2")
    assert (network.height, network.width, network.channels) == (224, 224, 3)


@pytest.mark.parametrize("cell", [r"$112 \times 96 \times 16$", "112x96x16", "112\u00d796\u00d716"])
def test_forms_of_a_rectangular_input(cell: str) -> None:
    network = parse(f"{cell}\tconv2d\t-\t16\t-\tHS\t2")
    assert (network.height, network.width, network.channels) == (112, 96, 16)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("conv2d|-|8|-|HS|2", Row("conv2d", 3, 0, 8, 0, "HS", 2)),
        ("conv2d, 1x1|-|8|-|R6|1", Row("conv2d", 1, 0, 8, 0, "R6", 1)),
        ("conv2d 1x1, NBN|-|8|-|-|1", Row("conv2d", 1, 0, 8, 0, "", 1, batch_norm=False)),
        ("conv2d, 7x7|-|k|-|RE|1", Row("conv2d", 7, 0, 10, 0, "RE", 1, per_class=1)),
        ("conv2d, 1x1|-|6k|-|-|1", Row("conv2d", 1, 0, 60, 0, "", 1, per_class=6)),
        ("conv2d, 1x1|-|40|✓|HS|1", Row("conv2d", 1, 0, 40, 16, "HS", 1)),
        ("bneck, 5x5|72|40|✓|RE|2", BNECK),
        ("bneck, 5x5|72|40|24|RE|2", BNECK),
        ("bneck, 5x5|72|40|18|RE|2", Row("bneck", 5, 72, 40, 18, "RE", 2)),
        ("bneck, 11x11|16|40|-|-|1", Row("bneck", 11, 16, 40, 0, "", 1)),
        ("pool|-|-|-|-|1", Row("pool", 0, 0, 0, 0, "", 1)),
        ("pool, 7x10|-|-|-|-|1", Row("pool", 0, 0, 0, 0, "", 1)),
    ],
)
def test_row_cells(cells: str, expected: Row) -> None:
    assert parse(f"input: 7x10x16\nclasses: 10\n{cells}").rows == (expected,)


SAME = [
    "8x8x3\tconv2d\t-\t16\t-\tHS\t2\n4x4x16\tpool\t-\t-\t-\t-\t1",
    "8x8x3  conv2d  -  16    -  HS  2\r\n\r\n  4x4x16  pool  -  -  -  -  1  # the end\r\n",
    "| Input | Operator | exp size | #out | SE | NL | s |\n|:--|---|--:|---|---|---|---|\n"
    "| 8x8x3 | conv2d | - | 16 | - | HS | 2 |\n|4x4x16|pool|-|-|-|-|1|",
    "# two rows\ninput: 8x8x3  # pixels\nOperator  exp size  #out  SE  NL  s  # out of table 1\n"
    "conv2d  -  16  -  HS  2#stem\npool  -  -  -  -  1",
    "\ufeffinput: 8^2 x 3\nconv2d \t -\t\t16\t-\tHS\t2\npool, 4x4\t-\t-\t-\t-\t1\t",
]


@pytest.mark.parametrize("text", SAME)
def test_separators_comments_and_headings(text: str) -> None:
    network = parse(text)
    assert (network.height, network.width, network.channels) == (8, 8, 3)
    assert network.rows == (Row("conv2d", 3, 0, 16, 0, "HS", 2), Row("pool", 0, 0, 0, 0, "", 1))


def test_header() -> None:
    text = """
        name: my_net
        input: 32x48x1
        classes: 7
        padding: symmetric
        bn_eps: 1e-5
        squeeze: expansion/4
        width_rule: torchvision
        preprocess: imagenet
        conv2d, 1x1  -  2k  -  -  2
    """
    network = parse(text, name="other")
    assert (network.name, network.height, network.width, network.channels) == ("my_net", 32, 48, 1)
    assert network.classes == 7
    assert network.rows[0].out == 14
    assert network.conventions == Conventions(
        "symmetric", 0.00001, "expansion/4", "torchvision", "imagenet"
    )


ROW = "8x8x3  pool  -  -  -  -  1"


def test_name_without_a_header() -> None:
    assert parse(ROW).name == "network"
    assert parse(ROW, name="mine").name == "mine"


@pytest.mark.parametrize(
    ("stem", "name"),
    [("MobileNet-V3 (1)", "mobilenet_v3_1"), ("2nd", "n_2nd"), ("ÄÖ", "network"), ("a.b", "a_b")],
)
def test_name_from_the_stem(tmp_path: Path, stem: str, name: str) -> None:
    path = tmp_path / f"{stem}.bneck"
    path.write_text(ROW, encoding="utf-8")
    assert load(path).name == name


def test_row_shapes_of_table_2() -> None:
    shapes = row_shapes(load(DATA / "table2.tsv"))
    assert shapes[0] == ((224, 224, 3), (112, 112, 16))
    assert shapes[9] == ((14, 14, 48), (7, 7, 96))
    assert shapes[13] == ((7, 7, 576), (1, 1, 576))
    assert shapes[15] == ((1, 1, 1280), (1, 1, 1000))


def test_odd_sides_round_up_at_stride_2() -> None:
    network = parse("225x31x3  conv2d  -  8  -  HS  2")
    assert row_shapes(network) == (((225, 31, 3), (113, 16, 8)),)


def test_the_readmes_table() -> None:
    """Its heading says `exp` for the paper's `exp size`."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    text = readme.split("## A table\n")[1].split("![")[0]
    network = parse(textwrap.dedent(text))
    assert (network.name, network.height, network.classes) == ("my_net", 160, 10)
    assert [row.expansion for row in network.rows] == [0, 64, 72, 0, 0, 0]

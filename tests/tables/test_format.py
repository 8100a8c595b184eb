"""The printer gives the paper's tables back to the byte, and what it prints parses to the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.parse import load, parse
from mnv3gen.tables.scaling import resized

from .strategies import networks

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("table", ["table1.tsv", "table2.tsv"])
def test_paper_style_gives_the_paper_s_bytes(table: str) -> None:
    printed = format_network(load(DATA / table), "paper")
    assert printed.encode() == (DATA / table).read_bytes()


def test_bneck_style() -> None:
    rows = (
        Row("conv2d", 3, 0, 16, 0, "HS", 2),
        Row("bneck", 5, 100, 24, 24, "RE", 1),
        Row("pool", 0, 0, 0, 0, "", 1),
        Row("conv2d", 1, 0, 20, 7, "", 1, False, 2),
    )
    assert format_network(Network("small", 9, 16, 3, 10, rows)) == (
        "name: small\n"
        "input: 9x16x3\n"
        "classes: 10\n"
        "padding: same\n"
        "bn_eps: 0.001\n"
        "squeeze: expansion/4\n"
        "width_rule: paper\n"
        "preprocess: inception\n"
        "\n"
        "Input       Operator         exp size  #out  SE  NL  s\n"
        "9 x 16 x 3  conv2d, 3x3             -    16   -  HS  2\n"
        "5 x 8 x 16  bneck, 5x5            100    24   ✓  RE  1\n"
        "5 x 8 x 24  pool, 5x8               -     -   -   -  1\n"
        "1^2 x 24    conv2d 1x1, NBN         -    2k   7   -  1\n"
    )


@given(networks())
def test_bneck_style_parses_back(network: Network) -> None:
    assert parse(format_network(network)) == network


@given(networks(classes=1000))
def test_paper_style_parses_back(network: Network) -> None:
    # The paper's notation has no place for conventions, and a tick depends on one of them.
    conventions = replace(network.conventions, squeeze="expansion/4")
    network = replace(network, conventions=conventions)
    again = parse(format_network(network, "paper"), name=network.name)
    assert replace(again, conventions=network.conventions) == network


@given(networks(), st.data())
def test_a_spelling_that_is_no_longer_true_is_not_printed(
    network: Network, data: st.DataObject
) -> None:
    spelling = st.sampled_from(["pool, 7x7", "conv2d", "conv2d,  3x3", "bneck, 5x5 ", "a|b", "#"])
    rows = tuple(replace(row, written=data.draw(spelling | st.text())) for row in network.rows)
    assert parse(format_network(replace(network, rows=rows))) == network


def test_spelling_is_kept_while_true() -> None:
    table = load(DATA / "table1.tsv")
    smaller = format_network(resized(table, 192, 192), "paper").split("\n")
    assert smaller[1].split("\t")[1] == "conv2d"
    assert smaller[18].split("\t")[:2] == [r"$6^2 \times 960$", "pool, 6x6"]
    plain = parse("8x8x3  pool  -  -  -  -  1")
    assert format_network(plain, "paper").split("\n")[1].split("\t")[1] == "pool"

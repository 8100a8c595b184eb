"""Any text parses to a valid network or raises `TableError`."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnv3gen.errors import TableError
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse

from .strategies import networks
from .test_heads import LRASPP, SSDLITE

TABLE = (Path(__file__).parent / "data" / "table2.tsv").read_text(encoding="utf-8")
ROW = "8x8x3  conv2d  -  16  -  HS  2"
SPLICES = st.sampled_from(
    [
        "\t",
        "|",
        "  ",
        "#",
        ":",
        "\n",
        "✓",
        "²",
        "٣",
        "k",
        "-",
        "0",
        "9" * 5000,
        "NBN",
        "7x7",
        "/2x2",
        "d2",
        ", ",
        "=expand",
        "c4",
        "From",
        "\x00",
    ]
) | st.text(max_size=5)


def parsed(text: str) -> Network | None:
    try:
        return parse(text)
    except TableError as error:
        assert error.place
        assert error.expected
        return None


@given(st.text(max_size=300))
@example("")
@example("|")
@example("||")
@example(":")
@example("Input")
@example("\x0c\n\xa0|\x85")
@example("\ud800:\ud800")
@example("input: 8x8x3\n,  -  -  -  -  1")
def test_any_text(text: str) -> None:
    parsed(text)


@given(st.text("0123456789²٣x^k$-✓|#:\t\n  conv2dbneckpoolHSREinputclasses,", max_size=200))
def test_text_of_the_language_s_characters(text: str) -> None:
    parsed(text)


@given(
    st.sampled_from([TABLE, SSDLITE, LRASPP]),
    st.lists(st.tuples(st.integers(0, len(TABLE)), st.integers(0, 6), SPLICES), max_size=4),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_spoilt_tables(text: str, edits: list[tuple[int, int, str]]) -> None:
    for start, length, splice in edits:
        text = text[:start] + splice + text[start + length :]
    network = parsed(text)
    if network is not None:
        assert parse(format_network(network)) == network


@given(networks(), st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_spoilt_cells(network: Network, data: st.DataObject) -> None:
    words = format_network(network).split("  ")
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] = data.draw(st.sampled_from(words) | SPLICES)
    again = parsed("  ".join(words))
    if again is not None:
        assert parse(format_network(again)) == again


def test_the_fuzzed_row_is_valid_to_begin_with() -> None:
    assert parsed(ROW) is not None
    assert parsed(TABLE) is not None


def test_hostile_sizes_end_quickly() -> None:
    for unit in (
        "|",
        "9",
        "a:",
        "-",
        "#out",
        "\t",
        "Input ",
        "From ",
        "As ",
        "x\n",
        "🙂",
        "name: a\n",
    ):
        assert parsed(unit * (1_000_000 // len(unit))) is None


def test_hostile_labels_end_quickly() -> None:
    heading = "input: 8x8x3\nFrom  Operator  exp size  #out  SE  NL  s  As\n"
    rows = [
        f"-  pool  -  -  -  -  1  {','.join(f'a{i}b{j}' for j in range(8))}" for i in range(999)
    ]
    reads = ",".join(["-"] + ["a0b0"] * 185)
    assert parsed(heading + "\n".join([*rows, f"{reads}  concat  -  -  -  -  1  end"])) is not None
    assert parsed(heading + "\n".join([*rows, f"{reads},x  concat  -  -  -  -  1  end"])) is None

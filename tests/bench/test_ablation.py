"""The cases of table 5."""

from __future__ import annotations

from mnv3gen.bench.ablation import CASES, FORMS, Case, as_dictionaries, bars_of, row_of
from mnv3gen.bench.rows import Row
from mnv3gen.bench.summary import summarize
from mnv3gen.graph.expand import expand
from mnv3gen.graph.profile import hswish_elements
from mnv3gen.tables.zoo import get, resolve

LARGE = get("mobilenet_v3_large")
# Table 5: P-1 and P-1 (no-opt).
PRINTED = {
    "h-swish @80 (V3)": (51.4, 57.5),
    "ReLU": (50.5, 50.5),
    "h-swish @16": (53.5, 68.9),
    "h-swish @112": (51.0, 54.4),
}


def test_the_papers_columns() -> None:
    printed = {
        form.label: tuple(Case(form, naive).paper_ms(LARGE) for naive in (False, True))
        for form in FORMS
    }
    assert printed == PRINTED
    small = get("mobilenet_v3_small")
    assert {Case(form, False).paper_ms(small) for form in FORMS} == {None}


def test_the_networks() -> None:
    """By the elements that h-swish works on, of which V3 itself has 1,511,264."""
    elements = {case: hswish_elements(expand(case.network(LARGE))) for case in CASES}
    assert [elements[Case(form, False)] for form in FORMS] == [1_511_264, 0, 3_825_632, 1_053_408]
    assert CASES[0].network(LARGE).rows == LARGE.rows
    for case in CASES:
        wanted = "naive" if case.naive else LARGE.conventions.hswish
        assert case.network(LARGE).conventions.hswish == wanted


def test_relu_has_nothing_to_compute_naively() -> None:
    assert len(CASES) == 7
    assert [case.words for case in CASES if case.form.label == "ReLU"] == [" --variant relu"]
    assert CASES[1].words == " --variant hswish@80 --variant naive-hswish"


def row(network: str, ms: float) -> Row:
    return Row(network, "mnv3gen", "1", summarize([ms]), 0.5, 1e-6, 1, 2, None)


def test_rows_by_case() -> None:
    names = {case: f"net{case.words}" for case in CASES}
    rows = [row(name, 1.0 + number) for number, name in enumerate(names.values())]
    relu = FORMS[1]
    for naive in (False, True):
        found = row_of(Case(relu, naive), rows, names)
        assert found is not None
        assert found.network == "net --variant relu"
    assert row_of(CASES[0], rows[1:], names) is None
    printed = as_dictionaries(list(reversed(rows)), names, resolve("mobilenet_v3_large"))
    assert [each["p10_ms"] for each in printed] == [1, 2, 3, 4, 5, 6, 7]
    assert (printed[1]["form"], printed[1]["naive"]) == ("h-swish @80 (V3)", True)
    assert printed[1]["paper_ms"] == 57.5
    bars = bars_of(rows, names)
    assert [bar.label for bar in bars[:3]] == [
        "h-swish @80 (V3)",
        "h-swish @80 (V3), naive",
        "ReLU",
    ]
    assert [bar.marked for bar in bars[:3]] == [True, False, True]

"""Table 5: where h-swish stands, each form with the operator fused and operation by operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnv3gen.bench.plot import Bar
from mnv3gen.bench.rows import Row, as_dictionary
from mnv3gen.tables.network import Network
from mnv3gen.tables.published import published
from mnv3gen.tables.variants import apply_variant
from mnv3gen.tables.zoo import get

NAIVE = "naive-hswish"
PAPERS_NETWORK = "mobilenet_v3_large"
TABLE = 5
FUSED_COLUMN, NAIVE_COLUMN = "pixel1_ms", "pixel1_no_opt_ms"


@dataclass(frozen=True)
class Form:
    """A row of the table. ``variants`` make it, ``paper`` are those of the paper's row.

    V3 itself has h-swish from 80 channels on, so that the paper's first row has no variant.
    """

    label: str
    variants: tuple[str, ...]
    paper: tuple[str, ...]

    @property
    def has_hswish(self) -> bool:
        """Whether there is anything to compute naively."""
        return self.variants != ("relu",)


FORMS = (
    Form("h-swish @80 (V3)", ("hswish@80",), ()),
    Form("ReLU", ("relu",), ("relu",)),
    Form("h-swish @16", ("hswish@16",), ("hswish@16",)),
    Form("h-swish @112", ("hswish@112",), ("hswish@112",)),
)


@dataclass(frozen=True)
class Case:
    """A network to measure: a form, with the fused operator or the naive one."""

    form: Form
    naive: bool

    @property
    def variants(self) -> tuple[str, ...]:
        """What `--variant` names."""
        return (*self.form.variants, NAIVE) if self.naive else self.form.variants

    @property
    def words(self) -> str:
        """The variants as they follow a network's name on a command line."""
        return "".join(f" --variant {variant}" for variant in self.variants)

    def network(self, network: Network) -> Network:
        """The form of a network; InputError where a variant does not apply."""
        for variant in self.variants:
            network = apply_variant(network, variant)
        return network

    def paper_ms(self, network: Network) -> float | None:
        """P-1 of the paper, or P-1 (no-opt), in ms; None for another network than the paper's."""
        if network != get(PAPERS_NETWORK):
            return None
        (row,) = [
            row for row in published() if row.table == TABLE and row.variants == self.form.paper
        ]
        (figure,) = row.measured[NAIVE_COLUMN if self.naive else FUSED_COLUMN]
        return figure


CASES = tuple(
    Case(form, naive) for form in FORMS for naive in (False, True) if form.has_hswish or not naive
)


def row_of(case: Case, rows: Iterable[Row], names: Mapping[Case, str]) -> Row | None:
    """What was measured of a case whose network had that name; the same if there is no h-swish."""
    name = names.get(case) or names[Case(case.form, naive=False)]
    return next((row for row in rows if row.network == name), None)


def as_dictionaries(
    rows: Sequence[Row], names: Mapping[Case, str], network: Network
) -> list[dict[str, Any]]:
    """What `--json` prints: rows with the form, the operator and the paper's P-1 column."""
    return [
        {
            **as_dictionary(row),
            "form": case.form.label,
            "naive": case.naive,
            "paper_ms": case.paper_ms(network),
        }
        for case in names
        if (row := row_of(case, rows, names)) is not None
    ]


def bars_of(rows: Sequence[Row], names: Mapping[Case, str]) -> list[Bar]:
    """A bar for each case, those with the naive operator grey."""
    return [
        Bar(f"{case.form.label}{', naive' if case.naive else ''}", row.times, not case.naive)
        for case in names
        if (row := row_of(case, rows, names)) is not None
    ]

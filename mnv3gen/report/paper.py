"""The paper's parameters and multiply-adds beside ours, row by row, with a verdict on each row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from mnv3gen.graph.count import Count, count
from mnv3gen.graph.expand import expand
from mnv3gen.graph.profile import hswish_elements, profiler_madds
from mnv3gen.tables.published import Printed, Published, published

Verdict = Literal["met", "explained", "differs"]
"""Whether our numbers have the printed digits; if not, whether a line says why."""


@dataclass(frozen=True)
class Comparison:
    """A row of the paper and our integers for its network, by every rule."""

    published: Published
    count: Count
    profiler: int
    hswish_elements: int

    @property
    def params(self) -> int:
        """Our parameters by the row's rule, with or without batch normalization's."""
        return self.count.params if self.published.batch_norm else self.count.params_without_bn

    @property
    def madds(self) -> int:
        """Our multiply-adds by the row's rule."""
        return self.profiler if self.published.counting == "profiler" else self.count.madds

    @property
    def verdict(self) -> Verdict:
        """Whether every printed figure is met; a row that prints none cannot be."""
        row = self.published
        figures = [
            has_digits(printed, ours, truncated=name in row.truncated)
            for name, printed, ours in (
                ("params", row.params, self.params),
                ("madds", row.madds, self.madds),
            )
            if printed
        ]
        if figures and all(figures):
            return "met"
        return "explained" if row.why else "differs"


def compare(row: Published) -> Comparison:
    """Count the network of a row."""
    graph = expand(row.resolved())
    return Comparison(row, count(graph), profiler_madds(graph), hswish_elements(graph))


def compare_all(rows: Iterable[Published] | None = None) -> tuple[Comparison, ...]:
    """Compare every row of the paper that the zoo has a network for."""
    return tuple(map(compare, published() if rows is None else rows))


def has_digits(printed: Printed, ours: int, *, truncated: bool = False) -> bool:
    """Whether our integer, rounded (halves up) or truncated, is the printed number."""
    half = 0 if truncated else printed.place // 2
    return (ours + half) // printed.place * printed.place == printed.value


def as_dictionary(comparison: Comparison) -> dict[str, Any]:
    """What `describe --all --json` prints of a row.

    ``params`` and ``madds`` are ours by the row's rules, which ``counting``, ``batch_norm`` and
    ``truncated`` name; ``difference`` is ours less the paper's, null where it prints nothing.
    """
    row = comparison.published
    return {
        "table": row.table,
        "row": row.row,
        "network": row.network,
        "width": row.width,
        "resolution": row.resolution,
        "variants": list(row.variants),
        "paper": paper(row),
        "params": comparison.params,
        "madds": comparison.madds,
        "difference": {
            "params": difference(row.params, comparison.params),
            "madds": difference(row.madds, comparison.madds),
        },
        "counting": row.counting,
        "batch_norm": row.batch_norm,
        "truncated": list(row.truncated),
        "verdict": comparison.verdict,
        "why": row.why if comparison.verdict == "explained" else None,
        "params_with_bn": comparison.count.params,
        "params_without_bn": comparison.count.params_without_bn,
        "madds_convolutions": comparison.count.madds,
        "madds_profiler": comparison.profiler,
        "hswish_elements": comparison.hswish_elements,
    }


def paper(row: Published) -> dict[str, Any]:
    """What the paper prints about a row; null where it has no such column."""
    return {
        "table": row.table,
        "params_millions": row.params and row.params.value / 1e6,
        "madds_millions": row.madds and row.madds.value / 1e6,
        "params": row.params and row.params.text,
        "madds": row.madds and row.madds.text,
        **{key: each[0] if len(each) == 1 else list(each) for key, each in row.measured.items()},
    }


def difference(printed: Printed | None, ours: int) -> int | None:
    """Ours less the paper's."""
    return None if printed is None else ours - printed.value

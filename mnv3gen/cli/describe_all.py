"""What `mnv3gen describe --all` prints: the paper's figures, ours, and why they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from mnv3gen.cli.terminal import print_table
from mnv3gen.report.paper import Comparison, difference
from mnv3gen.tables.published import Printed

COLUMNS = (
    *("Table", "Row", "Network"),
    *("Params", "ours", "difference"),
    *("MAdds", "ours", "difference"),
    *("Counted", "Verdict"),
)


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Print a line a row, then a line for each figure that our network does not give."""
    right = {"Params", "MAdds", "ours", "difference"}
    print_table(COLUMNS, map(_cells, comparisons), right=right)
    click.echo()
    for comparison in comparisons:
        if comparison.verdict == "explained":
            row = comparison.published
            click.echo(f"table {row.table}, {row.row}: {row.why}")
    verdicts = Counter(comparison.verdict for comparison in comparisons)
    click.echo()
    click.echo(", ".join(f"{number} {verdict}" for verdict, number in verdicts.items()))


def _cells(comparison: Comparison) -> list[str]:
    row = comparison.published
    return [
        str(row.table),
        row.row,
        row.arguments(),
        *_compared(row.params, comparison.params),
        *_compared(row.madds, comparison.madds),
        _counted(comparison),
        comparison.verdict,
    ]


def _compared(printed: Printed | None, ours: int) -> tuple[str, str, str]:
    less = difference(printed, ours)
    return printed.text if printed else "-", f"{ours:,}", "" if less is None else f"{less:+,}"


def _counted(comparison: Comparison) -> str:
    """The rules behind our numbers: `convolutions`, or `profiler, without BN, params truncated`."""
    row = comparison.published
    rules: list[str] = [row.counting]
    rules += [] if row.batch_norm else ["without BN"]
    rules += [f"{' and '.join(row.truncated)} truncated"] if row.truncated else []
    return ", ".join(rules)

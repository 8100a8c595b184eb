"""What `mnv3gen bench` prints: the protocol, and the tables of what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from mnv3gen.bench.ablation import FORMS, Case, row_of
from mnv3gen.bench.environments import Environment
from mnv3gen.bench.rows import Row, peak_rate, ratio
from mnv3gen.bench.session import FLOATS, OURS, Session, Settings
from mnv3gen.cli.terminal import print_table
from mnv3gen.tables.network import Network

MIB = 1 << 20
COLUMNS = (
    *("Runner", "Version", "Min ms", "p10 ms", "Median ms", "Spread", "Ratio"),
    *("Of peak", "Error", "Memory MiB", "Binary MiB"),
)
ALL_COLUMNS = ("Network", "p10 ms", "To fastest peer")
ABLATION_COLUMNS = (
    *("Nonlinearity", "p10 ms", "to V3", "Naive p10 ms", "to V3"),
    *("P-1 ms", "to V3", "P-1 (no-opt) ms", "to V3"),
)


def echo_arguments(
    networks: Sequence[str],
    environments: Sequence[Environment],
    settings: Settings,
    dtype: str = "float32",
) -> None:
    """Every resolved argument, before the work starts."""
    peers = (f"{each.peer.name} {each.version}" for each in environments)
    turns = f"{settings.seconds:g} s a network"
    if settings.rounds is not None:
        turns = f"{settings.rounds} blocks each"
    where = "any processor" if settings.cpu is None else f"processor {settings.cpu}"
    click.echo(f"networks  {', '.join(networks)}")
    click.echo(f"peers     {', '.join(peers) or 'none'}")
    click.echo(
        f"protocol  {where}, one thread, batch 1, {dtype}; blocks of {settings.block} runs in "
        f"turn, the first {settings.dropped} not counted; {turns}"
    )


def print_rows(session: Session, rows: Sequence[Row]) -> None:
    """A network's table."""
    if not rows:
        return
    subject = session.contestants[0].entrant.subject
    click.echo(f"\n{subject.name}  {subject.madds:,} multiply-adds; {_measured(session, rows)}")
    right = set(COLUMNS) - {"Runner", "Version"}
    print_table(COLUMNS, (_cells(row, rows) for row in rows), right=right)
    if any(row.runner != OURS for row in rows):
        click.echo("Ratio: the p10 of mnv3gen as a multiple of the runner's.")


def print_all(rows: Sequence[Row]) -> None:
    """Our p10 of each network beside the fastest peer's, and the worst ratio to each peer."""
    ours = [row for row in rows if row.runner == OURS and row.ratio_to_fastest_peer is not None]
    if not ours:
        return
    click.echo()
    cells = [
        [row.network, f"{row.times.p10_ms:.3f}", f"{row.ratio_to_fastest_peer:.3f}"] for row in ours
    ]
    print_table(ALL_COLUMNS, cells, right=ALL_COLUMNS[1:])
    for peer in sorted({row.runner for row in rows} - {OURS, FLOATS}):
        ratios = {row.network: ratio(row, rows) for row in rows if row.runner == peer}
        known = {name: value for name, value in ratios.items() if value is not None}
        worst = max(known, key=lambda name: known[name])
        slower = sum(value > 1 for value in known.values())
        click.echo(
            f"{peer}: of {len(known)}, {slower} are slower than it; "
            f"at worst {known[worst]:.3f} ({worst})"
        )


def print_ablation(
    session: Session, rows: Sequence[Row], names: Mapping[Case, str], network: Network
) -> None:
    """Table 5, ours beside the paper's."""
    if not rows:
        return
    click.echo(f"\n{network.name}  {_measured(session, rows)}")
    cases = [(Case(form, naive=False), Case(form, naive=True)) for form in FORMS]
    ours = [[_p10(case, rows, names) for case in pair] for pair in cases]
    papers = [[case.paper_ms(network) for case in pair] for pair in cases]
    cells = [
        [form.label, *_compared(our, ours[0][0]), *_compared(paper, papers[0][0])]
        for form, our, paper in zip(FORMS, ours, papers, strict=True)
    ]
    print_table(ABLATION_COLUMNS, cells, right=ABLATION_COLUMNS[1:])
    click.echo("P-1: table 5 of the paper, one large core of a Pixel 1.")


def _measured(session: Session, rows: Sequence[Row]) -> str:
    return f"{rows[0].times.runs} runs each; core's peak {peak_rate(session) / 1e9:.1f} GMAC/s"


def _cells(row: Row, rows: Sequence[Row]) -> list[str]:
    times, multiple = row.times, ratio(row, rows)
    return [
        row.runner,
        row.version,
        *(f"{value:.3f}" for value in (times.min_ms, times.p10_ms, times.median_ms)),
        f"{times.spread:.0%}",
        "-" if multiple is None or row.runner == OURS else f"{multiple:.3f}",
        f"{row.peak_fraction:.1%}",
        f"{row.max_error:.1e}",
        f"{row.memory_bytes / MIB:.1f}",
        f"{row.binary_bytes / MIB:.1f}",
    ]


def _p10(case: Case, rows: Sequence[Row], names: Mapping[Case, str]) -> float | None:
    row = row_of(case, rows, names)
    return None if row is None else row.times.p10_ms


def _compared(values: Sequence[float | None], base: float | None) -> list[str]:
    """Each value and how much more or less it is than the base."""
    cells = []
    for value in values:
        cells.append("-" if value is None else f"{value:.4g}")
        cells.append("-" if value is None or base is None else f"{value / base - 1:+.1%}")
    return cells

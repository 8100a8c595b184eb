"""`mnv3gen report`: the paper's latencies beside ours, and how good modelled cycles are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import json_option, seed_option
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mnv3gen.cycles.check import Checked, Summary
    from mnv3gen.cycles.comparison import Compared
    from mnv3gen.cycles.figures import Figure, Form
    from mnv3gen.cycles.measured import Measured
    from mnv3gen.cycles.published_latency import Cell

EPILOG = """\b
Examples:
  mnv3gen report s/ n/ -o report.html         a page on searches, see `report search --help`
  mnv3gen report paper                        what is known, beside the paper's milliseconds
  mnv3gen report paper --table 3 -o plots/ --json
  mnv3gen report paper --table 3 --model      compile and model what is missing or out of date
  mnv3gen report paper --table 3 --measure    also measure the networks on this machine
  mnv3gen report cycles --groups 10           modelled cycles beside this machine's, by kernel
"""
HEADINGS = ("Row", "Paper ms", "M cycles", "Scaled ms", "Error %", "M madds", "Error %", "{} ms")
CHECK_HEADINGS = ("Measured", "Modelled", "Error %", "Instr/cycle", "Schedule", "Parameters")
FORMS = ("layers", "fused")


class Reports(click.Group):
    """A group whose arguments are folders of searches, where they are no report's name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What is not the name of a report is for the one on searches."""
        if args and args[0] not in self.commands:
            from mnv3gen.cli.report_search import command as searches

            return "search", searches, args[1:] if args[0] == "search" else args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before any folder are the searches' too."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["search", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Reports, epilog=EPILOG)
def command() -> None:
    """Pages on searches, and reports that set our numbers beside others'.

    With folders of `mnv3gen search` (see `mnv3gen report search --help`), a page on them.
    """


@command.command(epilog="\b\nExamples:\n  mnv3gen report paper --table 3 --json")
@click.option(
    "--table", "tables", multiple=True, type=click.Choice(["3", "4", "5", "6", "7"]),
    help="Of the paper; may be given several times.  [default: all]",
)  # fmt: skip
@click.option(
    "--form", type=click.Choice(FORMS), default="layers", show_default=True,
    help="Every layer alone, as the paper's runtime had them, or our own plan.",
)  # fmt: skip
@click.option("--model", is_flag=True, help="Compile and model what is missing or out of date.")
@click.option("--measure", is_flag=True, help="Compile the networks for --device and time them.")
@click.option(
    "--device", default="local", show_default=True, help="Whose times stand in the last column."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A folder for scatter plots.")
@json_option
def paper(
    tables: tuple[str, ...],
    form: Form,
    model: bool,
    measure: bool,
    device: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Tables 3 to 7's latencies beside modelled cycles of our binaries for these phones.

    One scale a table and phone turns modelled cycles into milliseconds; multiply-adds, scaled
    likewise, stand beside, and what the networks take on a device if they were measured there.
    Without --model and --measure nothing is compiled: the cycles are those of the file that comes
    with mnv3gen.
    """
    from mnv3gen.cycles.comparison import as_dictionary, compare, scatter
    from mnv3gen.cycles.figures import read_figures
    from mnv3gen.cycles.published_latency import TABLES, cells

    if output is not None:
        _check_plot(output)
    wanted = cells([int(each) for each in tables] or TABLES)
    figures = _modelled(wanted, form) if model else read_figures()
    measured = _measured(wanted, device, measure)
    columns = compare(wanted, figures, form)
    if as_json:
        click.echo(json.dumps([as_dictionary(each, measured) for each in columns], indent=1))
    else:
        for column in columns:
            _print(column, measured, device)
        _print_rest(wanted, figures, form)
    if output is not None:
        for path in scatter(columns, output):
            click.echo(f"plot          {path}", err=as_json)


def _check_plot(folder: Path) -> None:
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise InputError(
            "matplotlib is not installed", place="--output", expected="pip install 'mnv3gen[plot]'"
        )
    folder.mkdir(parents=True, exist_ok=True)


def _modelled(wanted: list[Cell], form: Form) -> dict[tuple[str, str], Figure]:
    """Every figure after those were modelled that are missing or of another version."""
    from mnv3gen.cli.progress import phases
    from mnv3gen.cycles.figures import model_cell, read_figures, stamp, write_figures

    figures = read_figures()
    with phases() as observe:
        for cell in wanted:
            known = figures.get((cell.key, form))
            if known is None or known.simulator != stamp(cell):
                figures[cell.key, form] = model_cell(cell, form, observe)
                write_figures(figures.values())  # so that an interrupt loses one at most
    return figures


def _measured(wanted: list[Cell], name: str, measure: bool) -> dict[str, Measured]:
    """What the networks take on a device, after they were measured if that is asked for."""
    from mnv3gen.cli.progress import phases
    from mnv3gen.cycles.measured import FILE, measure_cells, read_measured
    from mnv3gen.devices.device import find_device
    from mnv3gen.measure.records import records_folder

    device = find_device(name)
    path = records_folder(device.name) / FILE
    if measure:
        from mnv3gen.measure.session import Session

        session = Session(device)
        try:
            with phases() as observe:
                measure_cells(wanted, session, path, observe)
        finally:
            session.close()
    return read_measured(path)


def _print(column: Compared, measured: Mapping[str, Measured], device: str) -> None:
    from mnv3gen.cli.terminal import print_table
    from mnv3gen.cycles.measured import key_of

    click.echo(f"Table {column.table}, {column.phone}")
    rows = zip(
        column.cells,
        column.cycles,
        column.madds,
        column.by_cycles.errors,
        column.by_madds.errors,
        strict=True,
    )
    cells = (
        [
            cell.row,
            f"{cell.milliseconds:g}",
            f"{cycles / 1e6:.2f}",
            f"{column.by_cycles.scale * cycles:.1f}",
            f"{error * 100:+.1f}",
            f"{madds / 1e6:.1f}",
            f"{baseline * 100:+.1f}",
            _milliseconds(measured.get(key_of(cell))),
        ]
        for cell, cycles, madds, error, baseline in rows
    )
    headings = [heading.format(device) for heading in HEADINGS]
    print_table(headings, cells, right=headings[1:])
    click.echo(
        f"mean error {column.by_cycles.mean * 100:.1f} %, of multiply-adds "
        f"{column.by_madds.mean * 100:.1f} %; {column.by_cycles.scale * 1e6:.3f} ms a million "
        "modelled cycles"
    )
    if column.missing:
        click.echo(f"not modelled: {', '.join(cell.row for cell in column.missing)}")
    click.echo()


def _milliseconds(measured: Measured | None) -> str:
    if measured is None:
        return "-"
    return f"{'noisy ' if measured.noisy else ''}{measured.median_ms:.2f}"


def _print_rest(wanted: list[Cell], figures: dict[tuple[str, str], Figure], form: Form) -> None:
    from mnv3gen.cycles.figures import stamp

    missing = [cell for cell in wanted if (cell.key, form) not in figures]
    stale = [
        cell
        for cell in wanted
        if (known := figures.get((cell.key, form))) and known.simulator != stamp(cell)
    ]
    if missing or stale:
        click.echo(
            f"{len(missing)} of {len(wanted)} latencies have no figure, {len(stale)} an older one: "
            "--model makes them"
        )


@command.command(epilog="\b\nExamples:\n  mnv3gen report cycles --groups 10")
@click.option(
    "--groups",
    default=8,
    show_default=True,
    type=click.IntRange(2, 100),
    help="Kernels, in ten schedules each.",
)
@seed_option("Of the choice of kernels.")
@json_option
def cycles(groups: int, seed: int, as_json: bool) -> None:
    """Modelled cycles beside those that this machine takes (x86-64): kernels in ten schedules each.

    Everything is timed in turns first; then each kernel is stepped through, instruction by
    instruction, which takes a minute or two.
    """
    import tempfile
    from dataclasses import asdict

    from mnv3gen.cycles.check import summarize
    from mnv3gen.targets import load

    target = load("host")
    if target.architecture != "x86_64":
        raise InputError(
            "the check needs the trap flag of x86-64", place="this machine",
            found=target.architecture, expected="x86_64",
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
        checked = _checked(target, Path(folder), groups, seed)
    summary = summarize(checked)
    if as_json:
        rows = [asdict(it) for group in checked for it in group]
        click.echo(json.dumps({"kernels": rows, "summary": asdict(summary)}, indent=1))
        return
    _print_checked(checked, summary)


def _checked(target: Any, folder: Path, groups: int, seed: int) -> list[list[Checked]]:
    from mnv3gen.cli.progress import counted, phases
    from mnv3gen.cycles.check import measure, modelled, prepare, spread_tasks
    from mnv3gen.cycles.core import model_of
    from mnv3gen.tables.zoo import get
    from mnv3gen.tune.tasks import listed, tasks_of

    model = model_of(target)
    networks = [listed(get(name), target) for name in ("mobilenet_v3_large", "mobilenet_v3_small")]
    tasks = spread_tasks(tasks_of(networks).values(), target, groups, seed)
    with phases() as observe:
        observe("compile kernels")
        prepared = prepare(tasks, target, folder, seed)
        observe("time them in turns")
        times = measure(prepared)
    found = []
    with counted("step", len(prepared)) as advance:
        for it, own in zip(prepared, times, strict=True):
            found.append(modelled(it, own, target, model))
            advance()
    return found


def _print_checked(checked: list[list[Checked]], summary: Summary) -> None:
    from mnv3gen.cli.terminal import print_table

    for group, lost in zip(checked, summary.lost, strict=True):
        click.echo(group[0].kernel)
        rows = (
            [
                f"{it.measured:.0f}",
                f"{it.modelled}",
                f"{it.error * 100:+.1f}",
                f"{it.instructions / it.measured:.2f}",
                it.schedule,
                " ".join(f"{name}={value}" for name, value in it.parameters.items()),
            ]
            for it in group
        )
        print_table(CHECK_HEADINGS, rows, right=CHECK_HEADINGS[:4])
        click.echo(f"the model's choice takes {lost:.3f} of the least time\n")
    near = sum(lost <= 1.10 for lost in summary.lost)
    click.echo(
        f"{summary.kernels} kernels: mean error {summary.mean_error * 100:.1f} %; the model's "
        f"choice is within 10 % of the fastest in {near} of {len(summary.lost)}"
    )

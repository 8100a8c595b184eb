"""`mnv3gen report FOLDER...`: searches as a page with plots, and their figures as JSON and CSV."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnv3gen.cli.options import device_target_option, json_option
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from mnv3gen.report.search_data import Content, Point
    from mnv3gen.report.study import Measured
    from mnv3gen.tables.network import Network

EPILOG = """\b
A FOLDER is that of `mnv3gen search nas` or `mnv3gen search netadapt`, finished or not.
--networks is a CSV with the columns name, ms, accuracy (a share), and how if wanted.

\b
Examples:
  mnv3gen report s/ n/ -o report.html
  mnv3gen report s/ n/ --networks widths.csv --against mobilenet_v3_small -o report.html
  mnv3gen report s/ n/ --run runs/small-0.25 --run runs/small-0.35 -o report.html
  mnv3gen report n/ --measure --device pi -o report.html    table 5, figures 8 and 9 there
  mnv3gen report n/ --study report.study.json -o again.html
"""
SUFFIXES = (".html", ".htm")


@click.command("search", epilog=EPILOG)
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The page, an .html file.",
)
@click.option(
    "--networks", type=click.Path(path_type=Path), help="A CSV of networks that stand beside."
)
@click.option(
    "--run",
    "runs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder of `mnv3gen train`, whose network is measured and stands beside; several of one "
    "network are one point, with their spread.",
)
@click.option(
    "--against",
    default="mobilenet_v3_small",
    show_default=True,
    metavar="N",
    help="The table that the chosen one is set beside: a name, or a .bneck file.",
)
@click.option(
    "--study",
    type=click.Path(path_type=Path),
    help="What --measure wrote, or `bench --ablation nonlinearities --json`.",
)
@click.option("--measure", is_flag=True, help="Compile and measure the study's networks.")
@click.option("--network", default="mobilenet_v3_large", show_default=True, help="Of the study.")
@click.option("--resolution", metavar="N|HxW", help="Of the study.  [default: the table's]")
@click.option("--width", "widths", multiple=True, help="Of the study.  [default: 0.5 to 1.25]")
@click.option(
    "--device", default="local", show_default=True, help="Where --measure and --run measure."
)
@device_target_option
@click.option("--title", default="Searched networks", show_default=True, help="Of the page.")
@json_option
def command(
    folders: tuple[str, ...],
    output: Path,
    networks: Path | None,
    runs: tuple[Path, ...],
    against: str,
    study: Path | None,
    measure: bool,
    network: str,
    resolution: str | None,
    widths: tuple[str, ...],
    device: str,
    target: str | None,
    title: str,
    as_json: bool,
) -> None:
    """Write a page on searches: frontier, rewards, NetAdapt's path, the chosen table, a study."""
    import msgspec

    from mnv3gen.report.runs import read_run
    from mnv3gen.report.search_data import read_folders, read_networks
    from mnv3gen.report.search_files import write_files
    from mnv3gen.report.search_page import need_bokeh, page
    from mnv3gen.report.study import read_study

    _check(output, measure, study)
    need_bokeh()
    others = () if networks is None else read_networks(networks)
    for run in runs:
        read_run(run)
    content = read_folders([_folder(it) for it in folders], others)
    cases: Sequence[Measured] = () if study is None else read_study(study)
    tables = _tables(content, against)
    if runs:
        others = (*others, *_measured_runs(runs, device, target))
        content = msgspec.structs.replace(content, others=others)
    if measure:
        kept = output.with_suffix(".study.json")
        cases = _measured(kept, network, resolution, widths, device, target)
    chosen, reference = tables or (None, None)
    text = page(content, cases, chosen, reference, title)
    files = write_files(output, text, content, cases, tables)
    if as_json:
        click.echo(json.dumps([str(it) for it in files], indent=1))
        return
    for file in files:
        click.echo(f"{file.stat().st_size:10,d}  {file}")


def _check(output: Path, measure: bool, study: Path | None) -> None:
    if output.suffix not in SUFFIXES:
        raise InputError(
            "not the name of a page", place="--output", found=str(output), expected="an .html file"
        )
    if measure and study is not None:
        raise click.UsageError("either --measure or --study")


def _folder(name: str) -> Path:
    path = Path(name)
    if not path.is_dir():
        raise InputError(
            "neither a report nor the folder of a search",
            found=name,
            expected="paper, cycles, or folders of `mnv3gen search`",
        )
    return path


def _tables(content: Content, against: str) -> tuple[Network, Network] | None:
    """The chosen table, NetAdapt's if there is one, and the one beside it in the same form."""
    from mnv3gen.report.rows import likeness
    from mnv3gen.tables.parse import parse
    from mnv3gen.tables.scaling import with_classes
    from mnv3gen.tables.zoo import resolve

    found = [it.table for it in content.adapted if it.table]
    found += [it.best for it in content.searches if it.best]
    if not found:
        return None
    chosen = parse(found[0])
    forms = [resolve(against)]
    if Path(against).suffix != ".bneck":
        size = f"{chosen.height}x{chosen.width}"
        forms = [resolve(against, resolution=size)]
        with contextlib.suppress(InputError):
            forms.append(resolve(against, resolution=size, variants=("small-pictures",)))
    beside = max(forms, key=lambda it: likeness(chosen, it))
    return chosen, with_classes(beside, chosen.classes)


def _measured_runs(runs: tuple[Path, ...], device: str, target: str | None) -> list[Point]:
    from mnv3gen.cli.progress import counted
    from mnv3gen.devices.device import find_device
    from mnv3gen.errors import NoisyError
    from mnv3gen.report.runs import measured_runs
    from mnv3gen.search.latency import open_latency

    source = open_latency("compile", find_device(device, target))
    found: list[Point] = []
    try:
        with counted("measure", len(runs)) as advance:
            for each in measured_runs(runs, source):
                advance()
                if isinstance(each, NoisyError):
                    click.echo(f"mnv3gen: warning: left out: {each.problem}", err=True)
                else:
                    found.append(each)
    finally:
        source.close()
    return found


def _measured(
    path: Path,
    network: str,
    resolution: str | None,
    widths: tuple[str, ...],
    device: str,
    target: str | None,
) -> Sequence[Measured]:
    """Measure the study's cases; each is in the file before the next one is measured."""
    from mnv3gen.cli.progress import counted
    from mnv3gen.devices.device import find_device, target_name
    from mnv3gen.report.study import WIDTHS, Refused, cases, measured
    from mnv3gen.search.latency import open_latency

    found = find_device(device, target)
    wanted = cases(widths or WIDTHS, network)
    source = open_latency("compile", found)
    done: list[Measured] = []
    try:
        with counted("measure", len(wanted)) as advance:
            place = found.name, target_name(found)
            for each in measured(wanted, resolution, source, place):
                advance()
                if isinstance(each, Refused):
                    title = f"{each.case.label}, width {each.case.width}"
                    click.echo(f"mnv3gen: warning: {title}: left out: {each.reason}", err=True)
                    continue
                done.append(each)
                _keep(path, done)
    finally:
        source.close()
    return done


def _keep(path: Path, cases: Sequence[Measured]) -> None:
    import msgspec

    from mnv3gen.train.state import replace_bytes

    path.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(path, msgspec.json.format(msgspec.json.encode(list(cases)), indent=1) + b"\n")

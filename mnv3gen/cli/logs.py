"""`mnv3gen logs`: look after the committed tuning logs."""

from __future__ import annotations

import json

import click

from mnv3gen.cli.options import json_option
from mnv3gen.cli.tuned_rows import HEADING, row, searched_row
from mnv3gen.errors import InputError, Mnv3genError, nearest_names

EPILOG = """\b
Examples:
  mnv3gen logs check             whether every log is sorted, whole and of today's schedules
  mnv3gen logs show host
  mnv3gen logs prune             drop the records that no compilation would use
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Check, show and prune the logs of `tuning_logs/`."""


@command.command(epilog="\b\nExamples:\n  mnv3gen logs check --json")
@json_option
def check(as_json: bool) -> None:
    """Exit with 1 and list what is wrong, if anything is."""
    from mnv3gen.compile import modelled
    from mnv3gen.compile.tuned import read_log
    from mnv3gen.tune.logs import logs, problems
    from mnv3gen.tune.searched_logs import searched_folders, searched_problems, searched_records

    found = [problem for path in logs().values() for problem in problems(path)]
    by_cycles = modelled.modelled_logs()
    found += [problem for path in by_cycles.values() for problem in modelled.problems(path)]
    for folders in searched_folders().values():
        found += [problem for folder in folders for problem in searched_problems(folder)]
    if found:
        raise Mnv3genError("\n".join(found))
    measured = {target: len(read_log(path)) for target, path in logs().items()}
    cycles = {target: len(modelled.read_modelled(path)) for target, path in by_cycles.items()}
    searched = {target: searched_records(target) for target in searched_folders()}
    if as_json:
        kernels = {target: len(records) for target, records in searched.items()}
        counts = {"measured": measured, "modelled": cycles, "metaschedule": kernels}
        click.echo(json.dumps(counts, indent=1))
        return
    for target, count in measured.items():
        click.echo(f"{target}: {count} records")
    for target, count in cycles.items():
        click.echo(f"{target}: {count} records of modelled cycles")
    for target, records in searched.items():
        better = sum(record.better for record in records)
        click.echo(f"{target}: {len(records)} kernels of MetaSchedule, {better} ahead of the rule:")
        for record in records:
            click.echo(f"  {record.kernel}: {'MetaSchedule' if record.better else record.schedule}")


@command.command(epilog="\b\nExamples:\n  mnv3gen logs show host --json")
@click.argument("target")
@json_option
def show(target: str, as_json: bool) -> None:
    """List the records of a TARGET, those with most time first."""
    import msgspec

    from mnv3gen.compile.tuned import read_log
    from mnv3gen.tune.logs import logs
    from mnv3gen.tune.searched_logs import searched_records

    paths = logs()
    searched = searched_records(target)
    if target not in paths and not searched:
        raise InputError(
            "no log of this target",
            place="TARGET",
            found=target,
            expected="one of " + (", ".join(paths) or "none: `mnv3gen tune --commit` writes one"),
            nearest=nearest_names(target, paths),
        )
    records = read_log(paths[target]) if target in paths else []
    records.sort(key=lambda record: -record.median_us)
    if as_json:
        every = [msgspec.to_builtins(record) for record in (*records, *searched)]
        click.echo(json.dumps(every, indent=1))
        return
    click.echo(HEADING)
    for record in records:
        click.echo(row(record))
    for found in searched:
        click.echo(searched_row(found))


@command.command(epilog="\b\nExamples:\n  mnv3gen logs prune")
@json_option
def prune(as_json: bool) -> None:
    """Drop duplicates and records of other versions or of parameters that are no more.

    Of MetaSchedule's, also those of other versions of TVM.
    """
    from mnv3gen.compile.tuned import read_log
    from mnv3gen.tune.logs import logs, pruned, spaces_of, write_log
    from mnv3gen.tune.searched_logs import prune_searched, searched_folders

    told = _nothing if as_json else click.echo
    summary: dict[str, dict[str, int]] = {}
    for target, path in logs().items():
        records = read_log(path)
        kept, dropped = pruned(records, spaces_of(target, records))
        write_log(path, kept)
        summary[target] = {"kept": len(kept), "dropped": len(dropped)}
        told(f"{target}: {len(kept)} records kept, {len(dropped)} dropped")
        for record in dropped:
            parameters = " ".join(f"{name}={value}" for name, value in record.parameters.items())
            told(
                f"  dropped {record.kernel}: "
                f"{record.schedule} version {record.version} {parameters}"
            )
    for target, folders in searched_folders().items():
        for folder in folders:
            for what in prune_searched(folder):
                own = summary.setdefault(target, {})
                own["metaschedule_dropped"] = own.get("metaschedule_dropped", 0) + 1
                told(f"{target}: dropped {what}")
    if as_json:
        click.echo(json.dumps(summary, indent=1))


def _nothing(_text: str) -> None:
    """What is told where JSON is printed."""

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


@command.command()
def check() -> None:
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
    for target, path in logs().items():
        click.echo(f"{target}: {len(read_log(path))} records")
    for target, path in by_cycles.items():
        click.echo(f"{target}: {len(modelled.read_modelled(path))} records of modelled cycles")
    for target in searched_folders():
        records = searched_records(target)
        better = sum(record.better for record in records)
        click.echo(f"{target}: {len(records)} kernels of MetaSchedule, {better} ahead of the rule:")
        for record in records:
            click.echo(f"  {record.kernel}: {'MetaSchedule' if record.better else record.schedule}")


@command.command()
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


@command.command()
def prune() -> None:
    """Drop duplicates and records of other versions or of parameters that are no more.

    Of MetaSchedule's, also those of other versions of TVM.
    """
    from mnv3gen.compile.tuned import read_log
    from mnv3gen.tune.logs import logs, pruned, spaces_of, write_log
    from mnv3gen.tune.searched_logs import prune_searched, searched_folders

    for target, path in logs().items():
        records = read_log(path)
        kept, dropped = pruned(records, spaces_of(target, records))
        write_log(path, kept)
        click.echo(f"{target}: {len(kept)} records kept, {len(dropped)} dropped")
        for record in dropped:
            parameters = " ".join(f"{name}={value}" for name, value in record.parameters.items())
            click.echo(
                f"  dropped {record.kernel}: "
                f"{record.schedule} version {record.version} {parameters}"
            )
    for target, folders in searched_folders().items():
        for folder in folders:
            for what in prune_searched(folder):
                click.echo(f"{target}: dropped {what}")

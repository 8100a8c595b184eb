"""`mnv3gen logs`: look after the committed tuning logs."""

from __future__ import annotations

import json

import click

from mnv3gen.cli.options import json_option
from mnv3gen.cli.tuned_rows import HEADING, row
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
    from mnv3gen.compile.tuned import read_log
    from mnv3gen.tune.logs import logs, problems

    found = [problem for path in logs().values() for problem in problems(path)]
    if found:
        raise Mnv3genError("\n".join(found))
    for target, path in logs().items():
        click.echo(f"{target}: {len(read_log(path))} records")


@command.command()
@click.argument("target")
@json_option
def show(target: str, as_json: bool) -> None:
    """List the records of a TARGET, those with most time first."""
    import msgspec

    from mnv3gen.compile.tuned import read_log
    from mnv3gen.tune.logs import logs

    paths = logs()
    if target not in paths:
        raise InputError(
            "no log of this target",
            place="TARGET",
            found=target,
            expected="one of " + (", ".join(paths) or "none: `mnv3gen tune --commit` writes one"),
            nearest=nearest_names(target, paths),
        )
    records = sorted(read_log(paths[target]), key=lambda record: -record.median_us)
    if as_json:
        click.echo(json.dumps([msgspec.to_builtins(record) for record in records], indent=1))
        return
    click.echo(HEADING)
    for record in records:
        click.echo(row(record))


@command.command()
def prune() -> None:
    """Drop duplicates and records of other versions or of parameters that are no more."""
    from mnv3gen.compile.tuned import read_log
    from mnv3gen.tune.logs import logs, pruned, spaces_of, write_log

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

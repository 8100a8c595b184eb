"""`mnv3gen search tabulate`: an exhaustive search as the table of a small space."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnv3gen.cli.options import json_option
from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from mnv3gen.search.settings import Settings

EPILOG = """\b
Examples:
  mnv3gen search nas --space mini --controller exhaustive --trials 512 --finalists 0 \\
      --target-ms 0.02 --data fashion-mnist -o m/
  mnv3gen search tabulate m/ -o mini.tsv
  mnv3gen search controllers --space mini --truth mini.tsv
"""


@click.command(epilog=EPILOG)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--space", metavar="S", help="The space's file.  [default: by its name]")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="A .tsv file to write."
)
@json_option
def command(folder: Path, space: str | None, output: Path, as_json: bool) -> None:
    """Write the table of a space from FOLDER, a search that tried all of its networks."""
    from dataclasses import replace

    from mnv3gen.search.settings import FILE, contents_of, read_settings
    from mnv3gen.search.spaces import load_space
    from mnv3gen.search.tabulated import write_truth
    from mnv3gen.search.trials import read_trials
    from mnv3gen.tables.parse import parse
    from mnv3gen.tables.scaling import with_classes

    settings = read_settings(folder)
    trials = read_trials(folder) if settings is not None else []
    if settings is None or not trials:
        raise InputError("no search with trials", place=str(folder), expected=f"one with a {FILE}")
    loaded = load_space(space or settings.space)
    loaded = replace(loaded, seed=with_classes(loaded.seed, parse(trials[0].point).classes))
    if contents_of(loaded) != settings.contents:
        raise InputError("the search was of another space", place=str(folder), found=loaded.name)
    table = f"--table {settings.table} " if settings.table else ""
    limit = f"--limit {settings.images} " if settings.images else ""
    images = {trial.accuracy.images for trial in trials if trial.accuracy is not None}
    made = [
        f"Every network of {loaded.name}, made by:",
        *_measuring(settings),
        f"  mnv3gen search nas --space {settings.space} --device {settings.device} "
        f"--target-ms {settings.target_ms:g} --data {settings.data} {limit}"
        f"--evaluator {settings.evaluator} --epochs {settings.epochs} --batch {settings.batch} "
        f"--controller exhaustive --latency {settings.latency} {table}--seed {settings.seed} "
        f"--trials {loaded.size} --finalists 0 -o m/",
        f"  mnv3gen search tabulate m/ -o {output.name}",
        f"Accuracies are of {', '.join(map(str, sorted(images)))} held-out pictures, latencies of "
        f"the target {settings.target}; mnv3gen {settings.version}.",
    ]
    count = write_truth(output, loaded, trials, made)
    if as_json:
        click.echo(json.dumps({"table": str(output), "networks": count}, indent=1))
    else:
        click.echo(f"table     {output}, {count} networks")


def _measuring(settings: Settings) -> list[str]:
    """The command that measured the kernels, where they were written to a folder."""
    if not settings.table:
        return []
    return [
        f"  mnv3gen latency-table --space {settings.space} --device {settings.device} "
        f"-o {settings.table}"
    ]

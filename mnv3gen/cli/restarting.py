"""`--restart`: begin anew where the folder of a run would be gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from mnv3gen.errors import InputError

restart_option = click.option(
    "--restart", is_flag=True, help="Begin anew, whatever the folder has."
)


def remove_earlier(folder: Path, file: str, what: str) -> None:
    """Remove an earlier run; InputError for a folder that is something else: has no such file."""
    if not folder.exists():
        return
    if not (folder / file).is_file():
        raise InputError(
            f"not the folder of a {what}", place=str(folder), expected=f"one with a {file}"
        )
    shutil.rmtree(folder)
    click.echo(f"removed   {folder}/", err=True)

"""Lines of logs that were skipped because they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from mnv3gen.journal import Journal

LISTED = 5


def warn_of_damage(*journals: Journal[Any]) -> None:
    """Name the damaged lines of each file, on stderr."""
    for journal in journals:
        if journal.damaged:
            text = skipped_lines(journal.path, journal.damaged)
            click.echo(f"mnv3gen: warning: {text}", err=True)


def skipped_lines(path: Path, lines: list[int]) -> str:
    """A file and the first of its lines that are none."""
    listed, more = ", ".join(map(str, lines[:LISTED])), len(lines) - LISTED
    return f"{path}: skipped damaged lines {listed}" + (f" and {more} more" if more > 0 else "")

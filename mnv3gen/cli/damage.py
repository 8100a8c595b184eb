"""Lines of logs that were skipped because they are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mnv3gen.tune.journal import Journal

LISTED = 5


def warn_of_damage(*journals: Journal[Any]) -> None:
    """Name the damaged lines of each file, on stderr."""
    for journal in journals:
        if journal.damaged:
            lines = ", ".join(map(str, journal.damaged[:LISTED]))
            more = len(journal.damaged) - LISTED
            rest = f" and {more} more" if more > 0 else ""
            text = f"mnv3gen: warning: {journal.path}: skipped damaged lines {lines}{rest}"
            click.echo(text, err=True)

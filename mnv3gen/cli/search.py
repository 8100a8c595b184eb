"""`mnv3gen search`: the group of the searches for networks, each imported when it is used."""

from __future__ import annotations

import click

from mnv3gen.cli.lazy import LazyGroup

COMMANDS = {
    "nas": "Search a space's blocks for accuracy at a target latency.",
    "netadapt": "Shrink a network layer by layer to a target latency.",
    "tabulate": "Write an exhaustive search as the table of a small space.",
    "controllers": "Compare controllers where the truth is tabulated.",
}

EPILOG = """\b
Examples:
  mnv3gen search nas --target-ms 0.05 --data fashion-mnist --trials 300 -o s/
  mnv3gen search netadapt s/best.bneck --target-ms 0.04 --data fashion-mnist -o n/
  mnv3gen report s/ n/ -o report.html
"""


@click.group(
    cls=LazyGroup, texts=COMMANDS, prefix="mnv3gen.cli.search_", what="search", epilog=EPILOG
)
def command() -> None:
    """Search for networks whose compiled binaries reach a latency."""

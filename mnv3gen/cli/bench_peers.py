"""What `mnv3gen bench --list-peers` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from mnv3gen.bench.environments import Absent, Environment, find_peers
from mnv3gen.cli.terminal import print_table


def print_peers(pythons: Mapping[str, str], as_json: bool) -> None:
    """All peers: the version and where it is, or what is missing and how to install that."""
    found = find_peers(pythons)
    if as_json:
        click.echo(json.dumps([_as_dictionary(each) for each in found], indent=1))
        return
    print_table(("Peer", "Version", "Where, or how to install it"), map(_peer_cells, found))


def _peer_cells(each: Environment | Absent) -> tuple[str, str, str]:
    if isinstance(each, Absent):
        return each.peer.name, "-", f"{each.problem}: {each.command}"
    return each.peer.name, each.version, each.place


def _as_dictionary(each: Environment | Absent) -> dict[str, str | None]:
    fields = {"peer": each.peer.name, "version": None, "place": None}
    if isinstance(each, Absent):
        return fields | {"problem": each.problem, "command": each.command}
    return fields | {"version": each.version, "place": each.place, "problem": None, "command": None}

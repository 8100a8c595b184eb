"""`mnv3gen records`: look after measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.damage import warn_of_damage
from mnv3gen.cli.options import json_option

if TYPE_CHECKING:
    from mnv3gen.measure.records import Record, Records

EPILOG = """\b
DEVICE is a name of `mnv3gen devices`; FILE is a records.jsonl, such as one of another machine.

\b
Examples:
  mnv3gen records list
  mnv3gen records list pi --kind network
  mnv3gen records merge pi table/records.jsonl
  mnv3gen records prune pi
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """List, merge and prune the measurements of devices."""


@command.command("list", epilog="\b\nExamples:\n  mnv3gen records list pi --kind network")
@click.argument("device", required=False)
@click.option("--kind", type=click.Choice(["kernel", "network"]), help="Only of this kind.")
@json_option
def list_command(device: str | None, kind: str | None, as_json: bool) -> None:
    """List the records of DEVICE, or how many each device has."""
    if device is None:
        _print_devices(as_json)
        return
    import msgspec

    records = _open(device)
    found = [it for it in records.by_key.values() if kind in (None, it.kind)]
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found), indent=1))
        return
    click.echo(f"{'median ms':>10} {'spread':>7} {'':5} {'target':10} {'date':10} what")
    for record in found:
        click.echo(_row(record))


@command.command("merge", epilog="\b\nExamples:\n  mnv3gen records merge pi other/records.jsonl")
@click.argument("device")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def merge_command(device: str, files: tuple[Path, ...], as_json: bool) -> None:
    """Add the records of FILES to those of DEVICE; of equal keys the later one counts."""
    from mnv3gen.measure.records import read_records

    others = [read_records(path) for path in files]
    records = _open(device, must_exist=False)
    added = 0
    for other in others:
        for record in other.by_key.values():
            if records.by_key.get(record.key) != record:
                records.add(record)
                added += 1
    path = records.journal.path
    if as_json:
        click.echo(json.dumps({"added": added, "records": str(path)}, indent=1))
    else:
        click.echo(f"{added} records added to {path}")


@command.command("prune", epilog="\b\nExamples:\n  mnv3gen records prune pi --noisy")
@click.argument("device")
@click.option("--noisy", is_flag=True, help="Noisy ones too.")
@click.option("--target", help="Only keep those of this target.")
@json_option
def prune_command(device: str, noisy: bool, target: str | None, as_json: bool) -> None:
    """Drop damaged lines and what a later record of the same key replaces."""
    from mnv3gen.measure.records import write_records

    records = _open(device)
    before = len(records.journal.entries) + len(records.damaged)
    kept = [
        it
        for it in records.by_key.values()
        if not (noisy and it.noisy) and target in (None, it.target)
    ]
    write_records(records.journal.path, kept)
    path, dropped = records.journal.path, before - len(kept)
    if as_json:
        fields = {"dropped": dropped, "kept": len(kept), "records": str(path)}
        click.echo(json.dumps(fields, indent=1))
    else:
        click.echo(f"{dropped} of {before} lines dropped from {path}")


def _open(device: str, must_exist: bool = True) -> Records:
    """The records of a device, or of a file; damaged lines are told."""
    from mnv3gen.devices.device import NAME, find_device
    from mnv3gen.measure.records import FILE, Records, read_records, records_folder

    path = Path(device)
    if not path.is_file():
        known = NAME.fullmatch(device) and (records_folder(device) / FILE).is_file()
        name = device if known else find_device(device).name
        path = records_folder(name) / FILE
    records = read_records(path) if must_exist else Records(path)
    warn_of_damage(records.journal)
    return records


def _print_devices(as_json: bool) -> None:
    from mnv3gen.measure.records import FILE, Records, records_folder

    parent = records_folder("local").parent
    rows: list[dict[str, Any]] = []
    for path in sorted(parent.glob(f"*/{FILE}")):
        found = Records(path)
        kinds = {kind: len(found.of_kind(kind)) for kind in ("kernel", "network")}
        rows.append({"device": path.parent.name, **kinds, "damaged": len(found.damaged)})
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        damaged = f", {row['damaged']} damaged lines" if row["damaged"] else ""
        click.echo(
            f"{row['device']:20} {row['kernel']} kernels, {row['network']} networks{damaged}"
        )
    if not rows:
        click.echo(f"no records in {parent}")


def _row(record: Record) -> str:
    times = record.times.get("run") or record.times["cold"]
    noisy = "noisy" if record.noisy else ""
    return (
        f"{times.median_ms:10.4f} {times.spread:6.1%} {noisy:5} {record.target:10} "
        f"{record.date:10} {record.name}"
    )

"""`mnv3gen devices`: what is configured and reachable, and what each lacks."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import click

from mnv3gen.cli.options import json_option

if TYPE_CHECKING:
    from mnv3gen.devices.device import Device

EPILOG = """\b
Devices are entries of devices.toml in the user's configuration folder (MNV3GEN_DEVICES names
another file), or addresses in their place: local, emulator, ssh://user@host:port, adb://SERIAL,
rpc://tracker:port/key. docs/devices.md has the whole of it.

\b
Examples:
  mnv3gen devices
  mnv3gen devices --no-check --json
  mnv3gen devices --tracker 9190                 run TVM's RPC tracker, on loopback only
"""


@click.command(epilog=EPILOG)
@click.option("--no-check", is_flag=True, help="Only list them.")
@click.option("--tracker", metavar="[HOST:]PORT", help="Run a tracker until Ctrl-C.")
@json_option
def command(no_check: bool, tracker: str | None, as_json: bool) -> None:
    """List the devices, whether each is reached, and what it lacks."""
    if tracker is not None:
        _serve(tracker)
        return
    from mnv3gen.devices.device import all_devices, devices_file

    devices = list(all_devices().values())
    if no_check:
        rows = [_row(device) for device in devices]
    else:
        from mnv3gen.cli.progress import phases

        with phases() as observe, ThreadPoolExecutor(8) as pool:
            observe(f"ask {len(devices)} devices")
            rows = list(pool.map(_checked, devices))
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(_text(row))
    click.echo(f"\nentries of {devices_file()}")


def _row(device: Device) -> dict[str, Any]:
    from mnv3gen.devices.address import written

    return {
        "name": device.name,
        "address": written(device.address),
        "target": device.target,
        "cpu": device.cpu,
    }


def _checked(device: Device) -> dict[str, Any]:
    from mnv3gen.devices.doctor import check_device

    checks = list(check_device(device))
    reached = any(check.name == "reachable" and check.verdict == "ok" for check in checks)
    lacks = [f"{it.name}: {it.found}" for it in checks if it.verdict == "fail"]
    notes = [f"{it.name}: {it.found}" for it in checks if it.verdict == "warn"]
    return _row(device) | {"reachable": reached, "lacks": lacks, "notes": notes}


def _text(row: dict[str, Any]) -> str:
    target = row["target"] or "no target"
    text = f"{row['name']:16} {row['address']:34} {target:12}"
    if "reachable" not in row:
        return text.rstrip()
    state = "ready" if row["reachable"] and not row["lacks"] else "not ready"
    lines = [f"{text} {state if row['reachable'] else 'not reached'}"]
    lines += [f"{'':16} lacks  {lack}" for lack in row["lacks"]]
    lines += [f"{'':16} note   {note}" for note in row["notes"]]
    return "\n".join(lines)


def _serve(place: str) -> None:
    from mnv3gen.devices.tracker import serving_tracker
    from mnv3gen.errors import InputError

    host, _, port = place.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError("not a port", place="--tracker", found=place, expected="[HOST:]PORT")
    with serving_tracker(host or "127.0.0.1", int(port)) as number:
        click.echo(f"tracker   {host or '127.0.0.1'}:{number}; Ctrl-C ends it")
        while True:
            time.sleep(1)

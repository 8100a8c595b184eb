"""`mnv3gen doctor`: what a device lacks, one line a check."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mnv3gen.cli.options import device_cpu_option, device_target_option, json_option

if TYPE_CHECKING:
    from mnv3gen.devices.doctor import Check

EPILOG = """\b
Without a DEVICE: the tools of this machine. Exit code 1 if something fails.

\b
Examples:
  mnv3gen doctor
  mnv3gen doctor pi
  mnv3gen doctor ssh://pi@raspberrypi.local --target rpi4
"""
MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


@click.command(epilog=EPILOG)
@click.argument("device", required=False)
@device_target_option
@device_cpu_option
@json_option
def command(device: str | None, target: str | None, cpu: int | None, as_json: bool) -> int:
    """Check DEVICE, or this machine's tools: one line a check, with the fix."""
    from mnv3gen.devices.doctor import check_device, check_host

    if device is None:
        checks = check_host()
    else:
        from mnv3gen.devices.device import find_device

        checks = check_device(find_device(device, target, cpu))
    found = []
    for check in checks:
        found.append(check)
        if not as_json:
            click.echo(line(check))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in found], indent=1))
    return int(any(check.verdict == "fail" for check in found))


def line(check: Check) -> str:
    """A check as it is printed."""
    fix = f"  -> {check.fix}" if check.fix and check.verdict != "ok" else ""
    return f"{MARKS[check.verdict]} {check.name:10} {check.found}{fix}"

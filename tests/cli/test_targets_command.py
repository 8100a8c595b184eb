"""`mnv3gen targets`."""

from __future__ import annotations

from collections.abc import Callable

from support.command import Finished

from mnv3gen.targets import from_manifest, load

Command = Callable[..., Finished]

# Issue 2 names these.
NAMES = {
    "host",
    "arm_cpu",
    "rpi3",
    "rpi4",
    "rpi5",
    "cortex-a53",
    "cortex-a55",
    "cortex-a72",
    "cortex-a73",
    "cortex-a75",
    "cortex-a76",
    "pixel1",
    "pixel2",
    "pixel3",
    "pixel1-android",
    "pixel2-android",
    "pixel3-android",
    "armv7",
}


def test_all(command: Command) -> None:
    lines = command("targets").out.splitlines()
    assert {line.split()[0] for line in lines[1:]} >= NAMES
    assert [line.split()[0] for line in lines if "(default)" in line] == ["arm_cpu"]


def test_all_as_json(command: Command) -> None:
    assert {target["name"] for target in command("targets", "--json").json} >= NAMES


def test_one(command: Command) -> None:
    # Raspberry Pi 4 Model B: BCM2711, four Cortex-A72 at 1.5 or 1.8 GHz, 1 MiB of shared L2.
    result = command("targets", "rpi4")
    assert result.code == 0
    assert "Cortex-A72" in result.out
    assert "L2 1024 KiB" in result.out
    assert "dotprod" not in result.out


def test_one_as_json(command: Command) -> None:
    printed = command("targets", "rpi4", "--json").json
    assert printed["llvm"]["cpu"] == "cortex-a72"
    assert from_manifest(printed) == load("rpi4")

"""What a device needs to be measured on, checked one by one, each with the way out."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from mnv3gen.compile.bundle import machine_of
from mnv3gen.devices.connection import Connection
from mnv3gen.devices.device import Device, devices_file, target_name
from mnv3gen.devices.facts import Facts
from mnv3gen.devices.opening import opened
from mnv3gen.devices.programs import build_probe
from mnv3gen.errors import DeviceError, InputError
from mnv3gen.execute.host import parse_features
from mnv3gen.execute.qemu import find_qemu
from mnv3gen.targets import Target, load

Verdict: TypeAlias = Literal["ok", "warn", "fail"]

LEAST_FREE_KIB = 64 * 1024
MOST_LOAD = 0.5
MOST_MILLICELSIUS = 70_000
PROBE_SECONDS = 20.0
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, what was found, and what to do about it."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


def check_device(device: Device) -> Iterator[Check]:
    """Look at a device; checks that need what failed before them are left out."""
    try:
        target = load(target_name(device))
    except InputError as error:
        yield Check("target", "fail", error.problem, error.expected or "")
        return
    yield Check("target", "ok", f"{target.name}: {target.description}")
    try:
        with opened(device) as connection:
            yield Check("reachable", "ok", _where(device))
            yield from _checks(connection, device, target)
    except DeviceError as error:
        yield Check("reachable", "fail", error.problem, error.fix or "")


def _checks(connection: Connection, device: Device, target: Target) -> Iterator[Check]:
    facts = connection.describe()
    yield _architecture(facts, target)
    yield _features(facts, target)
    if not connection.times:
        yield _qemu(target)
        yield Check("times", "ok", "none: an emulator says what is computed, never how fast")
        return
    yield _processor(facts, device)
    yield _space(facts)
    yield _program(connection, device, target)
    yield _governor(facts, device)
    yield _load(facts)
    yield _temperature(facts)


def check_host() -> Iterator[Check]:
    """Look at this machine: the tools that reach devices, and where measurements are kept."""
    for tool, use, fix in (
        ("ssh", "devices by ssh://", "install OpenSSH's client"),
        ("scp", "devices by ssh://", "install OpenSSH's client"),
        ("adb", "devices by adb://", "install Android's platform tools"),
    ):
        path = shutil.which(tool)
        yield Check(tool, "ok" if path else "warn", path or f"not on PATH; for {use}", fix)
    for module, use, extra in (
        ("tornado", "mnv3gen devices --tracker", "rpc"),
        ("xgboost", "learning from what was measured", "tune"),
    ):
        there = importlib.util.find_spec(module) is not None
        found = "installed" if there else f"not installed; for {use}"
        fix = f"pip install 'mnv3gen[{extra}]'"
        yield Check(module, "ok" if there else "warn", found, fix)
    file = devices_file()
    found = str(file) if file.is_file() else f"{file} is not there yet"
    yield Check("devices", "ok", found)


def _where(device: Device) -> str:
    address = device.address
    place = f"{address.user}@{address.host}" if address.user else address.host
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme} {place}{port} {address.key}".strip()


def _architecture(facts: Facts, target: Target) -> Check:
    """A 64-bit Arm system runs 32-bit programs too, mostly."""
    machine = facts.architecture.lower()
    own = ARCHITECTURES.get(machine, "arm" if machine.startswith("arm") else machine)
    found = f"{facts.system or 'unknown system'} {facts.architecture}"
    if own == target.architecture or (own, target.architecture) == ("aarch64", "arm"):
        return Check("system", "ok", found)
    fix = f"a target for {own or 'it'}; `mnv3gen targets` lists them"
    return Check("system", "fail", f"{found}, but {target.name} is {target.architecture}", fix)


def _features(facts: Facts, target: Target) -> Check:
    machine = machine_of(target)
    text = f"flags : {' '.join(facts.features)}"
    own = parse_features(text, machine.architecture) | set(facts.features)
    missing = [name for name in machine.features if name not in own]
    if not facts.features:
        return Check("features", "warn", "the system does not tell them")
    if missing:
        fix = "compile for another target: an instruction that is not there ends the program"
        return Check("features", "fail", f"it lacks {', '.join(missing)}", fix)
    return Check("features", "ok", ", ".join(machine.features) or "none are needed")


def _qemu(target: Target) -> Check:
    qemu = find_qemu(target.architecture)
    found = qemu or "unicorn, in this process"
    return Check("emulator", "ok", found)


def _processor(facts: Facts, device: Device) -> Check:
    numbers = [cpu.number for cpu in facts.cpus]
    if device.cpu is None:
        fix = "cpu = N in its entry: the number of a big core"
        verdict: Verdict = "ok" if len(numbers) < 2 else "warn"
        return Check("processor", verdict, f"any of {len(numbers)}: the scheduler's choice", fix)
    cpu = facts.cpu(device.cpu)
    if cpu is None:
        known = f"it has {numbers[0]} to {numbers[-1]}" if numbers else "it tells of none"
        return Check("processor", "fail", f"no processor {device.cpu}: {known}", "another cpu = N")
    speed = f", {cpu.most_khz // 1000} MHz" if cpu.most_khz else ""
    return Check("processor", "ok", f"{cpu.number}: {cpu.model}{speed}")


def _space(facts: Facts) -> Check:
    if facts.free_kib is None:
        return Check("space", "warn", "the system does not tell it")
    found = f"{facts.free_kib // 1024} MiB free"
    if facts.free_kib < LEAST_FREE_KIB:
        return Check("space", "fail", found, "free some, or name another `folder` in its entry")
    return Check("space", "ok", found)


def _program(connection: Connection, device: Device, target: Target) -> Check:
    arguments = ["./probe", "--limit", str(round(PROBE_SECONDS))]
    arguments += [] if device.cpu is None else ["--cpu", str(device.cpu)]
    try:
        with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
            connection.put(build_probe(target, Path(folder).resolve()), "probe")
        output = connection.run(arguments, PROBE_SECONDS)
    except DeviceError as error:
        return Check("program", "fail", error.problem, error.fix or "")
    if output.code == 0 and output.text.startswith('{"state": {'):
        return Check("program", "ok", "runs there")
    told = " ".join((output.errors or output.text).split())[-200:] or f"exit code {output.code}"
    fix = "a `folder` in its entry that is not mounted noexec; or another target"
    return Check("program", "fail", told, fix)


def _governor(facts: Facts, device: Device) -> Check:
    cpu = facts.cpu(device.cpu) or next(iter(facts.cpus), None)
    governor = cpu.governor if cpu else None
    if governor is None:
        return Check("governor", "ok", "the system does not tell it")
    if governor == "performance":
        return Check("governor", "ok", governor)
    path = f"/sys/devices/system/cpu/cpu{cpu.number if cpu else 0}/cpufreq/scaling_governor"
    return Check("governor", "warn", governor, f"as root there: echo performance > {path}")


def _load(facts: Facts) -> Check:
    if facts.load is None:
        return Check("load", "warn", "the system does not tell it")
    busy = facts.load > MOST_LOAD
    return Check(
        "load", "warn" if busy else "ok", f"{facts.load:.2f}", "end what runs there" * busy
    )


def _temperature(facts: Facts) -> Check:
    if facts.millicelsius is None:
        return Check("heat", "ok", "the system does not tell it")
    hot = facts.millicelsius > MOST_MILLICELSIUS
    found = f"{facts.millicelsius / 1000:.0f} °C"
    return Check("heat", "warn" if hot else "ok", found, "let it cool down" * hot)

"""`Facts`: what a device tells of itself, read with tools that every Linux has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

CPUFREQ = "/sys/devices/system/cpu/cpu{}/cpufreq/{}"
THERMAL = "/sys/class/thermal/thermal_zone0/temp"
LOAD = "/proc/loadavg"
MOST_CPUS = 64
_HEADING = re.compile(r"==> (\S+) <==")

Ask = Callable[[Sequence[str]], str]
"""Runs a program of the device's system; what it prints, "" if it fails."""


class Cpu(msgspec.Struct, frozen=True, omit_defaults=True):
    """One processor; what the system does not tell is None."""

    number: int
    model: str = ""
    governor: str | None = None
    most_khz: int | None = None


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device; `architecture` is what `uname -m` says, `features` those of /proc/cpuinfo."""

    system: str
    architecture: str
    cpus: tuple[Cpu, ...] = ()
    features: tuple[str, ...] = ()
    free_kib: int | None = None
    millicelsius: int | None = None
    load: float | None = None

    def cpu(self, number: int | None) -> Cpu | None:
        """The processor of that number; None if there is none, or without a number."""
        return next((cpu for cpu in self.cpus if cpu.number == number), None)


def ask_facts(ask: Ask, folder: str) -> Facts:
    """Ask a device by its own `uname`, `cat`, `head` and `df`; `folder` is where we write."""
    system, _, architecture = ask(["uname", "-sm"]).strip().partition(" ")
    blocks = _processors(ask(["cat", "/proc/cpuinfo"]))
    numbers = [int(block["processor"]) for block in blocks][:MOST_CPUS]
    files = [CPUFREQ.format(it, name) for it in numbers for name in _FREQUENCIES]
    told = _by_file(ask(["head", "-n", "1", LOAD, THERMAL, *files]))
    return Facts(
        system=system,
        architecture=architecture,
        cpus=tuple(_cpu(block, told) for block in blocks[:MOST_CPUS]),
        features=tuple(sorted(_features(blocks))),
        free_kib=_free_kib(ask(["df", "-Pk", folder])),
        millicelsius=_number(told.get(THERMAL)),
        load=_load(told.get(LOAD, "")),
    )


_FREQUENCIES = ("scaling_governor", "cpuinfo_max_freq")


def _processors(text: str) -> list[dict[str, str]]:
    from mnv3gen.targets.machine import parse_cpuinfo

    return [block for block in parse_cpuinfo(text) if block.get("processor", "").isdigit()]


def _cpu(block: dict[str, str], told: dict[str, str]) -> Cpu:
    number = int(block["processor"])
    governor, most = (told.get(CPUFREQ.format(number, name)) for name in _FREQUENCIES)
    part = " ".join(
        block[key] for key in ("model name", "CPU implementer", "CPU part") if block.get(key)
    )
    return Cpu(number, part, governor, _number(most))


def _features(blocks: list[dict[str, str]]) -> set[str]:
    """What every processor has."""
    sets = [set(block.get("flags", block.get("Features", "")).split()) for block in blocks]
    return set.intersection(*sets) if sets else set()


def _by_file(text: str) -> dict[str, str]:
    """The first line of each file that `head` could read, by its path."""
    return dict(_pairs(text))


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    path = None
    for line in text.splitlines():
        heading = _HEADING.fullmatch(line.strip())
        if heading:
            path = heading[1]
        elif path is not None:
            yield path, line.strip()
            path = None


def _free_kib(text: str) -> int | None:
    """The fourth column of the last line, as POSIX has it."""
    columns = text.strip().splitlines()[-1].split() if text.strip() else []
    return _number(columns[3]) if len(columns) > 3 else None


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isdigit() else None


def _load(text: str) -> float | None:
    first = text.split(" ", 1)[0]
    return float(first) if re.fullmatch(r"\d+\.\d+", first) else None

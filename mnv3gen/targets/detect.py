"""The machine that we run on as a target, from Linux's own description of it."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from mnv3gen.errors import TargetError
from mnv3gen.targets.cpus import table
from mnv3gen.targets.machine import Caches, parse_cpuinfo, read_caches, read_clock

CPUINFO = Path("/proc/cpuinfo")
CPUS = Path("/sys/devices/system/cpu")

# The x86-64 psABI's levels, best first: what each adds, in /proc/cpuinfo's words, and its vectors.
X86_LEVELS = (
    ("x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl", 512, 32),
    ("x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave", 256, 16),
    ("x86-64-v2", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3", 128, 16),
)
X86_BASELINE = ("x86-64", 128, 16)
X86_FEATURES = {"avx512_vnni": ("avx512vnni", "x86-64-v4")}  # LLVM's name, and beside which level

# The kernel's names (hwcaps) of the features that LLVM calls otherwise or alike.
ARM_HWCAPS = {
    "aes": "aes",
    "sha2": "sha2",
    "crc32": "crc",
    "atomics": "lse",
    "asimdrdm": "rdm",
    "lrcpc": "rcpc",
    "asimdhp": "fullfp16",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "bf16",
    "asimdfhm": "fp16fml",
    "fcma": "complxnum",
    "jscvt": "jsconv",
    "sha3": "sha3",
    "sm4": "sm4",
    "sve": "sve",
}
SOURCES = ("/proc/cpuinfo and /sys/devices/system/cpu of this machine",)


def detect() -> dict[str, Any]:
    """Return a target's fields for this machine. Raises `TargetError` if it is not Linux."""
    try:
        cpuinfo = CPUINFO.read_text()
    except OSError as error:
        raise TargetError(
            "this machine cannot be detected",
            place="host",
            found=f"{platform.system()} without {CPUINFO}",
            expected="Linux; name another target",
        ) from error
    core = CPUS / f"cpu{chosen_core(platform.machine(), cpuinfo)}"
    caches = read_caches(core / "cache")
    return describe(platform.machine(), cpuinfo, caches, read_clock(core / "cpufreq"))


def describe(
    machine: str, cpuinfo: str, caches: Caches, clock_mhz: int | None = None
) -> dict[str, Any]:
    """Return a target's fields from the texts of a machine.

    `machine` is what `uname -m` says; `clock_mhz` is the core's maximum, None where the kernel
    does not tell it.
    """
    processors = parse_cpuinfo(cpuinfo)
    if machine in ("x86_64", "AMD64"):
        fields = _describe_x86(processors[0])
    elif machine in ("aarch64", "arm64"):
        fields = _describe_aarch64(processors[-1])
    else:
        raise TargetError(
            "no target for this machine",
            place="host",
            found=machine,
            expected="x86_64 or aarch64; name another target, such as armv7",
        )
    fields["core"] |= {
        "clock_mhz": clock_mhz or _current_clock(processors[0]),
        "cache_line": caches.line,
        "l1d_kib": caches.l1d_kib,
        "l2_kib": max(caches.l2_kib, caches.l1d_kib),
        "l3_kib": caches.l3_kib,
    }
    return {"detect": True, "sources": list(SOURCES), **fields}


def chosen_core(machine: str, cpuinfo: str) -> int:
    """Return the number of the largest core: Arm systems count it last, x86 first."""
    last = int(parse_cpuinfo(cpuinfo)[-1].get("processor", 0))
    return last if machine in ("aarch64", "arm64") else 0


def _describe_x86(processor: dict[str, str]) -> dict[str, Any]:
    flags = set(processor.get("flags", "").split())
    cpu, bits, registers = X86_BASELINE
    # A level holds only together with all levels below it.
    for level, needed, level_bits, level_registers in reversed(X86_LEVELS):
        if not flags.issuperset(needed.split()):
            break
        cpu, bits, registers = level, level_bits, level_registers
    features = [
        feature for flag, (feature, level) in X86_FEATURES.items() if flag in flags and level == cpu
    ]
    name = processor.get("model name", "x86-64")
    return {
        "description": f"This machine: {name}",
        "architecture": "x86_64",
        "llvm": {"triple": "x86_64-linux-gnu", "cpu": cpu, "features": features},
        "core": {"name": name, "vector_bits": bits, "vector_registers": registers},
        "link": {"zig_target": "x86_64-linux-musl", "system": "linux", "page_size": 4096},
    }


def _describe_aarch64(processor: dict[str, str]) -> dict[str, Any]:
    parts = table().parts.get(processor.get("CPU implementer", ""), {})
    cpu = parts.get(processor.get("CPU part", ""), "generic")
    features = _arm_features(cpu, set(processor.get("Features", "").split()))
    return {
        "description": f"This machine: {cpu}",
        "architecture": "aarch64",
        "llvm": {"triple": "aarch64-linux-gnu", "cpu": cpu, "features": features},
        "core": {"name": cpu, "vector_bits": 128, "vector_registers": 32},
        "link": {"zig_target": "aarch64-linux-musl", "system": "linux", "page_size": 65536},
        "emulation": {"unicorn": "max", "qemu": "max"},
    }


def _arm_features(cpu: str, hwcaps: set[str]) -> list[str]:
    """List what the kernel reports, and with a minus sign what LLVM would take the CPU to have."""
    cpus = table()
    row = cpus.find("aarch64", cpu)
    implied = row.features if row else frozenset()
    allowed = cpus.allowed("aarch64", cpu)
    features = ["neon"]
    for hwcap, feature in ARM_HWCAPS.items():
        if hwcap in hwcaps and feature in allowed:
            features.append(feature)
        elif hwcap not in hwcaps and feature in implied:
            features.append(f"-{feature}")
    return features


def _current_clock(processor: dict[str, str]) -> int:
    # Arm kernels without cpufreq tell no clock at all.
    return int(float(processor.get("cpu MHz", "2000")))

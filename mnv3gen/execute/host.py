"""What the processor of this machine executes, in LLVM's names."""

from __future__ import annotations

import ctypes
import functools
import platform
from pathlib import Path

from mnv3gen.execute.entry import Machine

# /proc/cpuinfo name -> LLVM name, where the two differ.
_LLVM_NAMES = {
    "x86_64": {
        "abm": "lzcnt",
        "amx_bf16": "amx-bf16",
        "amx_int8": "amx-int8",
        "amx_tile": "amx-tile",
        "avx512_bf16": "avx512bf16",
        "avx512_fp16": "avx512fp16",
        "avx512_vbmi2": "avx512vbmi2",
        "avx512_vnni": "avx512vnni",
        "avx_vnni": "avxvnni",
        "bmi1": "bmi",
        "pni": "sse3",
        "sse4_1": "sse4.1",
        "sse4_2": "sse4.2",
    },
    "aarch64": {
        "asimd": "neon",
        "asimddp": "dotprod",
        "asimdfhm": "fp16fml",
        "asimdhp": "fullfp16",
        "asimdrdm": "rdm",
        "atomics": "lse",
        "crc32": "crc",
        "fcma": "complxnum",
        "fp": "fp-armv8",
        "lrcpc": "rcpc",
    },
    "arm": {
        "asimddp": "dotprod",
        "asimdhp": "fullfp16",
        "crc32": "crc",
        "half": "fp16",
        "idiva": "hwdiv-arm",
        "idivt": "hwdiv",
        "vfpv3": "vfp3",
        "vfpv4": "vfp4",
    },
}


def architecture() -> str:
    """The architecture of this process: a 32-bit one on a 64-bit kernel runs only ``arm``."""
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    pointer_bytes = ctypes.sizeof(ctypes.c_void_p)
    if machine.startswith("arm") or (machine == "aarch64" and pointer_bytes == 4):
        return "arm"
    return machine


def parse_features(cpuinfo: str, architecture: str) -> frozenset[str]:
    """The LLVM names of what every core in the text of ``/proc/cpuinfo`` has."""
    cores = []
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            cores.append(frozenset(value.split()))
    names = _LLVM_NAMES.get(architecture, {})
    common = frozenset.intersection(*cores) if cores else frozenset()
    return frozenset(names.get(name, name) for name in common)


@functools.cache
def features() -> frozenset[str]:
    """The LLVM names of what this machine has; empty where ``/proc/cpuinfo`` cannot be read."""
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    return parse_features(cpuinfo, architecture())


def lacks(machine: Machine) -> str | None:
    """What keeps this machine from executing code for ``machine``; ``None`` if nothing does."""
    if architecture() != machine.architecture:
        return f"this processor is {architecture()}"
    missing = [name for name in machine.features if name not in features()]
    return f"this processor lacks {', '.join(missing)}" if missing else None

"""The simulation in C, compiled by zig for this machine when it is first needed, and kept."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from mnv3gen.errors import Mnv3genError

SOURCES = Path(__file__).with_name("native")


@cache
def library() -> ctypes.CDLL:
    """The compiled simulation. Mnv3genError if zig cannot compile it."""
    path = kept_folder() / f"simulate-{_sources_key()}.so"
    if not path.is_file():
        _build(path)
    found = ctypes.CDLL(str(path))
    found.simulator_bytes.restype = ctypes.c_size_t
    found.cycles.restype = ctypes.c_uint64
    found.cycles.argtypes = [ctypes.c_void_p]
    found.counters.restype = None
    found.counters.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    found.finish.restype = None
    found.finish.argtypes = [ctypes.c_void_p]
    found.replay.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    found.replay.restype = None
    found.start.restype = None
    found.use_registers.restype = None
    found.use_registers.argtypes = [ctypes.c_void_p] * 3
    pointer, size = ctypes.c_void_p, ctypes.c_uint64
    tables = [pointer] * 5
    found.start.argtypes = [*tables, size, size, ctypes.c_uint32, *[pointer] * 5]
    return found


def kept_folder() -> Path:
    """Where what is compiled and modelled is kept, beside the cached bundles."""
    from mnv3gen.compile.cache import MODELLED, cache_folder

    bundles = cache_folder()
    return (bundles.parent if bundles.name == "bundles" else bundles) / MODELLED


@cache
def _sources_key() -> str:
    digest = hashlib.sha256(platform.machine().encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _build(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sources = ["simulate.c"] + (["step.c"] if platform.machine() == "x86_64" else [])
    with tempfile.TemporaryDirectory(prefix="mnv3gen-", dir=path.parent) as name:
        folder = Path(name)
        machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(
            platform.machine(), platform.machine()
        )
        command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-musl"]
        command += ["-std=c11", "-O2", "-fPIC", "-ffreestanding", "-g0", "-Wall", "-Wextra"]
        command += ["-shared", "-nostdlib", "-fno-stack-protector", "-fno-sanitize=undefined"]
        command += ["-Wl,-z,undefs", "-o", "simulate.so", *(str(SOURCES / it) for it in sources)]
        environment = os.environ | {"ZIG_LOCAL_CACHE_DIR": str(folder / ".zig-cache")}
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise Mnv3genError(f"the simulation cannot be compiled:\n{result.stderr.strip()}")
        (folder / "simulate.so").replace(path)

"""The multiply-adds of which this core is capable: a loop of nothing else, compiled for it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnv3gen.errors import Mnv3genError
from mnv3gen.targets import load

SOURCE = Path(__file__).resolve().parent / "peak.c"
FACTORS = 2  # registers beside the sums
SPARE = 2  # registers that are left to the compiler
ROUNDS = 100_000
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Peak:
    """The library, the vectors that its function starts from, and the multiply-adds of a call."""

    library: Path
    data: Path
    madds: int


def build_peak(folder: Path) -> Peak:
    """Compile the loop into a folder, for the vectors and registers of this machine's core."""
    core = load("host").core
    width = core.vector_bits // 8
    chains = core.vector_registers - FACTORS - SPARE
    _compile(folder, {"BYTES": width, "CHAINS": chains, "ROUNDS": ROUNDS})
    lanes = width // FLOAT_BYTES
    # The sums stay near 1: neither infinite nor subnormal numbers, which may take longer.
    values = np.ones((chains + FACTORS, lanes), np.float32)
    values[chains:] = 1e-5
    np.save(folder / "peak.npy", values)
    return Peak(folder / "peak.so", folder / "peak.npy", ROUNDS * chains * lanes)


def _compile(folder: Path, macros: dict[str, int]) -> None:
    command = [sys.executable, "-m", "ziglang", "cc", "-target", load("host").link.zig_target]
    command += ["-mcpu=native", "-O2", "-g0", "-shared", "-nostdlib", "-o", "peak.so", str(SOURCE)]
    command += [f"-D{name}={value}" for name, value in macros.items()]
    environment = os.environ | {"ZIG_LOCAL_CACHE_DIR": str(folder / ".zig-cache")}
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise Mnv3genError(f"zig cannot compile the peak's loop:\n{result.stderr.strip()}")

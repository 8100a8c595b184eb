"""Small C libraries, and the machines for which the tests compile them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnv3gen.execute import Entry, Machine, host

A72 = Machine("aarch64", (), "a72", "cortex-a72")
A15 = Machine("arm", (), "cortex-a15", "cortex-a15")
HERE = Machine(host.architecture(), (), None, None)

_TARGETS = {
    "aarch64": ("-target", "aarch64-linux-musl", "-mcpu=cortex_a72"),
    "arm": ("-target", "arm-linux-musleabihf", "-mcpu=cortex_a15"),
    "x86_64": ("-target", "x86_64-linux-musl"),
}
_LIBRARY = ("-O2", "-shared", "-fPIC", "-nostdlib", "-fno-builtin", "-ffp-contract=off")

# One of two tables of constants, which the library reaches by a pointer that must be relocated.
AFFINE = """
#include <stdint.h>
static const float ones[4] = {1.5f, -2.25f, 3.125f, 0.1f};
static const float tens[4] = {10.0f, 20.5f, -30.0f, 0.7f};
const float *const tables[2] __attribute__((visibility("hidden"))) = {ones, tens};

int32_t affine(const float *input, float *output, void *workspace) {
    float *scaled = workspace;
    const float *table = tables[input[0] > 0];
    for (int i = 0; i < 64; i++) scaled[i] = input[i] * table[i & 3];
    for (int i = 0; i < 64; i++) output[i] = scaled[i] + table[3 - (i & 3)];
    return 0;
}
"""
AFFINE_ENTRY = Entry("affine", 256, 256, 256)


def affine(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What ``AFFINE`` computes."""
    rows = [[1.5, -2.25, 3.125, 0.1], [10.0, 20.5, -30.0, 0.7]]
    table = np.array(rows[int(values[0] > 0)], np.float32)
    return values * np.tile(table, 16) + np.tile(table[::-1], 16)


def noise(seed: int) -> NDArray[np.float32]:
    """64 values around 0."""
    return np.random.default_rng(seed).standard_normal(64).astype(np.float32)


def build(folder: Path, source: str, machine: Machine, *options: str) -> Path:
    """Compile C source to a shared library in the folder."""
    return _compile(folder / "lib.so", source, machine, (*_LIBRARY, *options))


def build_program(folder: Path, source: str, machine: Machine) -> Path:
    """Compile C source to a static executable in the folder."""
    return _compile(folder / "program", source, machine, ("-O2", "-static"))


def _compile(result: Path, source: str, machine: Machine, options: tuple[str, ...]) -> Path:
    code = result.with_suffix(".c")
    code.write_text(source, encoding="utf-8")
    target = _TARGETS[machine.architecture]
    command = [sys.executable, "-m", "ziglang", "cc", *target, *options]
    subprocess.run([*command, "-o", str(result), str(code)], check=True)
    return result

"""Native code stepped through on x86-64: steps and addresses of a function written by hand."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnv3gen.cycles.core import models
from mnv3gen.cycles.stepped import at_clock, clock_mhz, code_of, loaded_at, recorded, replayed
from mnv3gen.targets import load

pytestmark = [
    pytest.mark.compile,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the trap flag of x86-64"),
]

# 2 + 10 * 4 + 1 instructions; the loop reads 16 bytes apart and writes what it read.
CODE = """
.intel_syntax noprefix
.text
.globl walk
.type walk, @function
walk:
  mov ecx, 10
  xor eax, eax
again:
  movups xmm0, [rdi + rax + 32]
  movups [rsi + rax], xmm0
  add rax, 16
  loop_end:
  dec ecx
  jnz again
  ret
.size walk, . - walk
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk")
    (folder / "walk.s").write_text(CODE)
    flags = ["-target", "x86_64-linux-musl", "-shared", "-nostdlib", "-o", "walk.so", "walk.s"]
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *flags], cwd=folder, check=True)
    return folder / "walk.so"


def test_every_step_and_address_is_recorded(library: Path) -> None:
    model, core = models()["zen4"], load("host").core
    code = code_of(library, model)
    function = ctypes.CDLL(str(library)).walk
    base = loaded_at(library, "walk", function)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    source = np.arange(64, dtype=np.float32)
    target = np.zeros(64, np.float32)
    steps = recorded(model, core, code, base, address, [source.ctypes.data, target.ctypes.data])
    assert len(steps) == 2 + 10 * 5 + 1
    assert target[:40].tolist() == source[8:48].tolist()  # it was really executed
    accesses = [int(place) for _, place in steps if place]
    reads = [source.ctypes.data + 32 + 16 * turn for turn in range(10)]
    writes = [target.ctypes.data + 16 * turn for turn in range(10)]
    both = [place for pair in zip(reads, writes, strict=True) for place in pair]
    assert accesses[: len(both)] == both
    cycles, simulator = replayed(model, core, code, base, steps, rounds=40)
    assert simulator.executions_of.sum() == 40 * len(steps)
    assert len(steps) // 6 <= cycles < 60  # six instructions a cycle at most; all is in the cache


def test_the_clock_is_that_of_a_processor() -> None:
    assert 500 < clock_mhz() < 7000
    core = load("host").core
    assert at_clock(core, 1234.4).clock_mhz == 1234

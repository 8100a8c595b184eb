"""The C API under valgrind's memcheck: reads of what nobody wrote, which sanitizers do not see."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.c_program import PROGRAM
from support.compiled import request_for, tiny

from mnv3gen.compile.pipeline import compile_network
from mnv3gen.targets.registry import load_file

AVX2 = """\
description = "An x86-64 with AVX2: valgrind executes no AVX-512"
architecture = "x86_64"

[llvm]
triple = "x86_64-linux-gnu"
cpu = "haswell"
features = ["avx2", "fma"]

[core]
name = "Haswell"
vector_bits = 256
vector_registers = 16
clock_mhz = 2000
cache_line = 64
l1d_kib = 32
l2_kib = 256

[link]
zig_target = "x86_64-linux-musl"
system = "linux"
page_size = 4096
"""


@pytest.mark.compile
def test_no_errors(tmp_path: Path) -> None:
    valgrind, compiler = shutil.which("valgrind"), shutil.which("gcc") or shutil.which("clang")
    if valgrind is None or compiler is None:
        pytest.skip("no valgrind, or no compiler: Debian's packages valgrind and gcc")
    (tmp_path / "avx2.toml").write_text(AVX2)
    request = replace(request_for(tiny()), target=load_file(tmp_path / "avx2.toml"))
    bundle = tmp_path / "out"
    compile_network(request, bundle, use_cache=False)
    (tmp_path / "program.c").write_text(PROGRAM.replace("repeat < 1000", "repeat < 3"))
    command = [compiler, "-g", "-O1", "-I", bundle, tmp_path / "program.c", bundle / "libtiny.a"]
    subprocess.run([*map(str, command), "-o", "program"], cwd=tmp_path, check=True, timeout=200)
    checked = [valgrind, "--quiet", "--error-exitcode=9", "--leak-check=full"]
    ran = subprocess.run(
        [*checked, tmp_path / "program"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done\n", "")

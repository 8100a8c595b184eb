"""The generated driver under the sanitizers of addresses and of undefined behaviour."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.c_program import PROGRAM
from support.compiled import Compiled


@pytest.mark.compile
def test_the_driver(tiny_bundle: Compiled, tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no gcc or clang, which bring the sanitizers' libraries")
    bundle = tiny_bundle.bundle.folder
    (tmp_path / "program.c").write_text(PROGRAM)
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    sources = [tmp_path / "program.c", bundle / "tiny.c", bundle / "libtiny.a"]
    command = [compiler, *sanitizers, "-Wall", "-Werror", "-I", bundle, *sources, "-o", "program"]
    made = subprocess.run(
        list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if "cannot find" in made.stderr and "san" in made.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert made.returncode == 0, made.stderr
    ran = subprocess.run(
        [tmp_path / "program"], capture_output=True, text=True, timeout=200, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr

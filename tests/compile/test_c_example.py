"""`examples/classify`: the bundle as a CMake package, and a C program that classifies a picture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import ROOT
from support.compiled import Compiled, Compiler, tiny
from support.emulated_linux import run_program

from mnv3gen.graph.reference import run

SIDE, CLASSES = 20, 10


def built(bundle: Path, target: str, folder: Path, *options: str) -> Path:
    """The example for a target of zig's, which is C compiler and linker."""
    tools = Path(sys.executable).parent
    cmake = shutil.which("cmake", path=f"{tools}{os.pathsep}{os.environ['PATH']}")
    ninja = shutil.which("ninja", path=f"{tools}{os.pathsep}{os.environ['PATH']}")
    if cmake is None or ninja is None:
        pytest.skip("no cmake, no ninja: `pip install cmake ninja`")
    compiler = folder / "zig-cc"
    compiler.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ziglang cc -target {target} "$@"\n')
    compiler.chmod(0o755)
    build = folder / "build"
    configure = ["-S", ROOT / "examples" / "classify", "-B", build, "-G", "Ninja"]
    configure += ["-DNETWORK=tiny", f"-DBUNDLE={bundle}", f"-DCMAKE_C_COMPILER={compiler}"]
    configure += [f"-DCMAKE_MAKE_PROGRAM={ninja}", *options]
    for command in ([cmake, *configure], [cmake, "--build", build]):
        result = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=600, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
    return build / "classify"


def picture(folder: Path) -> tuple[Path, np.ndarray]:
    """A picture of twice the size in which blocks of 2x2 are equal, and the input it becomes."""
    values = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    path = folder / "p.ppm"
    Image.fromarray(values.repeat(2, 0).repeat(2, 1)).save(path)
    return path, (values / 127.5 - 1).astype(np.float32)


@pytest.mark.compile
def test_classes_of_a_picture(tiny_bundle: Compiled, tmp_path: Path) -> None:
    program = built(tiny_bundle.bundle.folder, "native-native", tmp_path)
    path, data = picture(tmp_path)
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"number {index}\n" for index in range(CLASSES)))
    printed = subprocess.run([program, path, labels], capture_output=True, text=True, check=True)
    check_classes(printed.stdout, tiny_bundle, data)


def check_classes(printed: str, compiled: Compiled, data: np.ndarray) -> None:
    """The best five are the reference's, with their scores."""
    (expected,) = run(compiled.graph, compiled.weights, data).values()
    scores = expected.ravel()
    best = np.argsort(-scores)[:5]
    found = [line.split(None, 1) for line in printed.splitlines()]
    assert [label for _, label in found] == [f"number {index}" for index in best]
    assert [float(score) for score, _ in found] == pytest.approx(scores[best], abs=2e-4)


@pytest.mark.compile
@pytest.mark.parametrize(
    ("content", "said"),
    [(b"P5\n1 1\n255\n0", "no binary PPM"), (b"P6\n9 9\n255\nshort", "cut off"), (None, "read")],
)
def test_refusals(tiny_bundle: Compiled, tmp_path: Path, content: bytes | None, said: str) -> None:
    program = built(tiny_bundle.bundle.folder, "native-native", tmp_path)
    if content is not None:
        (tmp_path / "p.ppm").write_bytes(content)
    result = subprocess.run(
        [program, tmp_path / "p.ppm"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert said in result.stderr


@pytest.mark.emulate
def test_classes_of_a_picture_on_arm(compiler: Compiler, tmp_path: Path) -> None:
    """Linked for a board as docs/programs.md says, and run in the emulator.

    zig builds a libc for it first, once, in about a minute of one core.
    """
    compiled = compiler(tiny(), "arm_cpu")
    system = ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64")
    program = built(compiled.bundle.folder, "aarch64-linux-musl", tmp_path, *system)
    path, data = picture(tmp_path)
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"number {index}\n" for index in range(CLASSES)))
    finished = run_program(program, path, labels)
    assert (finished.code, finished.err) == (0, b"")
    check_classes(finished.out.decode(), compiled, data)
    refused = run_program(program, tmp_path / "missing.ppm")
    assert refused.code == 2
    assert refused.err.decode() == f"classify: {tmp_path}/missing.ppm: cannot be read\n"

"""The bundle's executable, which has no libc: on this machine, and under qemu where that is."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from support.compiled import TINY, Compiled, Compiler, request_for, tiny

from mnv3gen.compile.link import link_benchmark
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.compile.sources import TEMPLATES, write_benchmark
from mnv3gen.compile.verify import TOLERANCE
from mnv3gen.execute.qemu import find_qemu
from mnv3gen.graph.reference import run
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load

pytestmark = pytest.mark.compile

TARGETS = [
    "host",
    *(
        pytest.param(target, marks=pytest.mark.emulate)
        for target in ("arm_cpu", "pixel3-android", "armv7")
    ),
]
MILLISECONDS = re.compile(r'_ms": \d+\.\d{6}[,}]')


@pytest.fixture(params=TARGETS)
def compiled(request: pytest.FixtureRequest, compiler: Compiler) -> Compiled:
    """The tiny network for each target that this machine executes or emulates."""
    made = compiler(tiny(), request.param)
    if not made.native and find_qemu(made.bundle.machine.architecture) is None:
        pytest.skip(f"no qemu-{made.bundle.machine.architecture} on PATH")
    return made


@pytest.mark.parametrize("target", ["host", "arm_cpu", "pixel3-android", "armv7"])
def test_it_needs_no_loader(compiler: Compiler, target: str) -> None:
    page = 16384 if target == "pixel3-android" else load(target).link.page_size
    with compiler(tiny(), target).bundle.benchmark.open("rb") as file:
        elf = ELFFile(file)
        segments = list(elf.iter_segments())
        assert elf["e_type"] == "ET_EXEC"
        assert not {"PT_INTERP", "PT_DYNAMIC"} & {segment["p_type"] for segment in segments}
        assert {s["p_align"] for s in segments if s["p_type"] == "PT_LOAD"} == {page}
        (stack,) = [segment for segment in segments if segment["p_type"] == "PT_GNU_STACK"]
        assert not [s for s in [stack, *segments] if s["p_flags"] & 1 and s["p_flags"] & 2]


def test_zig_builds_no_libc_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zig").mkdir()
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path / "zig"))
    compile_network(request_for(tiny(), "armv7"), tmp_path / "out", use_cache=False)
    assert [path for path in (tmp_path / "zig").rglob("*") if path.suffix in (".a", ".o")] == []


@pytest.mark.parametrize("name", ["benchmark", "kernels", "linux", "memory", "weights"])
def test_a_network_may_be_called_like_our_own_files(tmp_path: Path, name: str) -> None:
    network = parse(TINY.replace("name: tiny", f"name: {name}"))
    bundle = compile_network(request_for(network), tmp_path / "out", use_cache=False).bundle
    assert json.loads(subprocess.check_output([bundle.benchmark, "--check"]))["correct"] is True


def test_it_times(compiled: Compiled) -> None:
    result = execute(compiled, "--runs", "30", "--warmup", "0")
    printed = json.loads(result.stdout)
    assert list(printed) == [
        *("version", "first_ms", "max_error", "correct"),
        *("runs", "min_ms", "median_ms", "p90_ms"),
    ]
    assert len(MILLISECONDS.findall(result.stdout)) == 4
    assert printed["version"].split()[0] == "tiny"
    assert printed["correct"] is True
    assert printed["runs"] == 30
    assert 0 < printed["min_ms"] <= printed["median_ms"] <= printed["p90_ms"] < 60_000


def test_it_only_checks(compiled: Compiled) -> None:
    printed = json.loads(execute(compiled, "--check").stdout)
    assert list(printed) == ["version", "first_ms", "max_error", "correct"]
    assert printed["correct"] is True
    assert 0 < printed["max_error"] < 1e-4


def test_it_computes_files(compiled: Compiled, tmp_path: Path) -> None:
    shape = compiled.graph.input_shape
    data = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    data.tofile(tmp_path / "input.raw")
    (tmp_path / "output.raw").write_bytes(bytes(1000))  # longer than what takes its place
    paths = ["--input", str(tmp_path / "input.raw"), "--output", str(tmp_path / "output.raw")]
    assert list(json.loads(execute(compiled, *paths).stdout)) == ["version", "first_ms"]
    (expected,) = run(compiled.graph, compiled.weights, data).values()
    output = np.fromfile(tmp_path / "output.raw", dtype=np.float32)
    np.testing.assert_allclose(output, expected.ravel(), atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frobnicate"], "unknown argument: --frobnicate"),
        (["--run"], "unknown argument: --run"),
        (["--runs"], "needs a number: --runs"),
        (["--runs", ""], "not a number in range: "),
        (["--runs", "0"], "not a number in range: 0"),
        (["--runs", "1000001"], "not a number in range: 1000001"),
        (["--runs", "18446744073709551617"], "not a number in range: 18446744073709551617"),
        (["--runs", "many"], "not a number in range: many"),
        (["--warmup", "-1"], "not a number in range: -1"),
        (["--input"], "needs a file: --input"),
        (["--input", "/nonexistent"], "cannot open: /nonexistent (error 2)"),
        (["--input", "/"], "cannot read: / (error 21)"),
        (["--input", "/dev/null"], "not of the expected size: /dev/null"),
        (["--input", "/dev/zero"], "not of the expected size: /dev/zero"),
        (["--output", "/nonexistent/o"], "cannot open: /nonexistent/o (error 2)"),
        (["--output", "/dev/full"], "cannot write: /dev/full (error 28)"),
    ],
)
def test_it_refuses(compiled: Compiled, arguments: list[str], message: str) -> None:
    result = execute(compiled, *arguments, code=2)
    assert result.stderr == f"benchmark: {message}\n"
    assert result.stdout == ""


def test_it_says_that_nothing_can_be_printed(compiled: Compiled) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            command(compiled, compiled.bundle.benchmark), stdout=full, stderr=-1, check=False
        )
    assert result.returncode == 2
    assert result.stderr == b"benchmark: cannot write: standard output (error 28)\n"


@pytest.mark.parametrize("fraction", [math.nan, math.inf, 1e30, 9.9949, 9.9951, 0.00099996])
def test_it_finds_a_wrong_value(compiled: Compiled, tmp_path: Path, fraction: float) -> None:
    """By a benchmark that expects the fourth value to be larger, by a fraction of the largest."""
    execute(compiled, "--check", "--output", str(tmp_path / "output"))
    expected = compiled.bundle.manifest.expected
    wrong = float(np.float32(expected.values[3] + fraction * expected.largest))
    result = execute(compiled, program=expecting(wrong, compiled, tmp_path), code=1)
    error = abs(float(np.fromfile(tmp_path / "output", np.float32)[3]) - wrong) / expected.largest
    text = f"{error:.2e}" if math.isfinite(error) else "null"
    assert f'"max_error": {text}, "correct": false}}\n' in result.stdout


def expecting(wrong: float, compiled: Compiled, folder: Path) -> Path:
    """The benchmark of a bundle, linked again with another fourth value."""
    target, values = compiled.bundle.target, compiled.bundle.manifest.expected.values
    sources = write_benchmark("tiny", target.name, np.array(values, np.float32), TOLERANCE)
    text, right = sources["tiny-benchmark.c"], f"{values[3].hex()}f"
    assert text.count(right) == 1
    unwritable = {"nan": '__builtin_nanf("")', "inf": "__builtin_inff()"}
    literal = unwritable.get(str(wrong), f"{wrong.hex()}f")
    sources["tiny-benchmark.c"] = text.replace(right, literal)
    sources["tiny-memory.c"] = (TEMPLATES / "memory.c").read_text()
    for name, source in sources.items():
        (folder / name).write_text(source)
    for name in ("tiny.h", "libtiny.a"):
        shutil.copy(compiled.bundle.folder / name, folder)
    return link_benchmark("tiny", target, folder)


def execute(
    compiled: Compiled, *arguments: str, program: Path | None = None, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """What the executable, or another program for its target, prints and ends with."""
    line = [*command(compiled, program or compiled.bundle.benchmark), *arguments]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    assert result.returncode == code, result
    return result


def command(compiled: Compiled, program: Path) -> list[Any]:
    """The program, after the emulator that it needs."""
    if compiled.native:
        return [program]
    machine = compiled.bundle.machine
    return [find_qemu(machine.architecture), "-cpu", machine.qemu, program]

"""The executable that times kernels, and a table that is killed while it is measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished, finish, start
from support.compiled import TINY, tiny

from mnv3gen.compile.tuned import NOTHING
from mnv3gen.execute.qemu import find_qemu
from mnv3gen.measure import table
from mnv3gen.measure.answer import STATES, read_kernel_line
from mnv3gen.measure.planned import plans_for
from mnv3gen.measure.program import build_program
from mnv3gen.measure.records import FILE, Records, records_folder
from mnv3gen.targets import load

pytestmark = pytest.mark.compile
Command = Callable[..., Finished]
TARGETS = ["host", *(pytest.param(it, marks=pytest.mark.emulate) for it in ("arm_cpu", "armv7"))]


@pytest.mark.parametrize("name", TARGETS)
def test_it_times_every_kernel_in_every_state(tmp_path: Path, name: str) -> None:
    target = load(name)
    codes = table.plan(plans_for(target, NOTHING, tmp_path / "plans"), [tiny()], lambda: None)
    timed = table.measurable(codes)
    program = build_program(list(timed.values()), target, tmp_path)
    words = [str(program), "--runs", "3", "--small", "64", "--large", "128", "--limit", "100"]
    if name != "host":
        qemu = find_qemu(target.architecture)
        if qemu is None or target.emulation is None:
            pytest.skip(f"no qemu-{target.architecture} on PATH")
        words = [qemu, "-cpu", target.emulation.qemu, *words]
    result = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert len(lines) == len(timed) >= 5
    for number, (line, code) in enumerate(zip(lines, timed.values(), strict=True)):
        times = read_kernel_line(line, "here", number, 3).times()
        weighs = any(kernel.kind in ("conv", "dwconv") for kernel in code.group.kernels)
        assert tuple(times) == (STATES if weighs else ("small_cold", "cold"))
    some = subprocess.run([*words, "--from", "1", "--to", "2"], capture_output=True, check=True)
    assert [json.loads(line)["kernel"] for line in some.stdout.splitlines()] == [1]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--runs", "0"], 2, "not a number in range: 0"),
        (["--frobnicate"], 2, "unknown argument: --frobnicate"),
        (["--cpu", "1000"], 2, "cannot run on that processor: --cpu (error 22)"),
        (["--cpu", "5000"], 2, "no such processor: --cpu"),
        (["--runs", "100000", "--limit", "1"], -signal.SIGALRM, ""),
    ],
)
def test_it_refuses_or_ends(tmp_path: Path, words: list[str], code: int, told: str) -> None:
    target = load("host")
    codes = table.plan(plans_for(target, NOTHING, tmp_path / "plans"), [tiny()], lambda: None)
    program = build_program(list(codes.values())[:1], target, tmp_path)
    result = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    assert result.returncode == code
    assert result.stderr == (f"benchmark: {told}\n" if told else "")


def test_a_killed_run_loses_only_what_it_was_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path))
    path = tmp_path / "tiny.bneck"
    path.write_text(TINY)
    words = ("latency-table", path, "--device", "local", "--runs", "40")
    built = command(*words, "--build-only", "--json").json
    process = start(*words)
    file = records_folder("local") / FILE
    deadline = time.monotonic() + 100
    while not (file.is_file() and file.read_bytes().count(b"\n") >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    records = Records(file).of_kind("kernel")
    before = len(records)
    assert before >= 2
    steady = sum(not record.noisy for record in records)
    result = command(*words, "--json", "-o", tmp_path / "table").json
    assert result["measured"] == built["kernels"]
    assert steady <= result["known"] <= before + 1  # noisy ones may be tried again
    lines = (tmp_path / "table" / "kernels.tsv").read_text().splitlines()
    assert len(lines) == 1 + built["kernels"]
    predict = ("predict", path, "--table", tmp_path / "table")
    found = command(*predict, "--json").json
    assert found["guessed"] == []
    calls = found["calls"]
    printed = command(*predict, "--top", 2).out
    assert printed.count(" measured ") == 2
    assert printed.endswith(f" and {calls - 2} more; --top {calls} lists them\n")
    whole = command(*predict, "--top", calls).out.splitlines()
    assert len(whole) == len(printed.splitlines()) - 1 + calls - 2

"""`mnv3gen profile`, as a user types it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished
from support.compiled import Compiled, Compiler, tiny

Command = Callable[..., Finished]


@pytest.mark.compile
def test_times(command: Command, tiny_bundle: Compiled) -> None:
    bundle = tiny_bundle.bundle
    result = command("profile", bundle.folder, "--runs", "3", "--top", "2")
    assert (result.code, result.err) == (0, "")
    headings, *kernels, whole = result.out.splitlines()
    assert headings.split()[:2] == ["Calls", "Min"]
    assert len(kernels) == 2
    assert whole.startswith("whole")
    assert "of 3 rounds" in whole


@pytest.mark.compile
def test_times_as_json(command: Command, tiny_bundle: Compiled) -> None:
    bundle = tiny_bundle.bundle
    printed = command("profile", bundle.folder, "--runs", "3", "--json").json
    assert (printed["network"], printed["target"], printed["rounds"]) == ("tiny", "host", 3)
    calls = sum(kernel.calls for kernel in bundle.manifest.kernels)
    assert len(printed["calls"]) == calls
    assert sum(kernel["calls"] for kernel in printed["kernels"]) == calls
    assert sum(kernel["share"] for kernel in printed["kernels"]) == pytest.approx(1)


@pytest.mark.emulate
def test_instructions(command: Command, compiler: Compiler) -> None:
    bundle = compiler(tiny(), "arm_cpu").bundle
    result = command("profile", bundle.folder, "--instructions")
    assert (result.code, result.err) == (0, "")
    kernels, loops, summary = result.out.split("\n\n")
    assert all(f"  {kernel.name}" in kernels for kernel in bundle.manifest.kernels)
    assert "  tiny_run" in kernels
    assert loops.split()[:2] == ["At", "Nest"]
    first, *_, last = summary.splitlines()
    assert first.startswith("instructions  ")
    assert last.startswith("spills        in ")


@pytest.mark.emulate
def test_instructions_as_json(command: Command, compiler: Compiler) -> None:
    bundle = compiler(tiny(), "arm_cpu").bundle
    printed = command("profile", bundle.folder, "--instructions", "--json").json
    kernels = printed["kernels"]
    counted = sum(kernel["work"]["instructions"] for kernel in kernels)
    assert counted == printed["total"]["instructions"] == printed["summary"]["instructions"]
    for kernel in kernels:
        assert sum(kernel["mnemonics"].values()) == kernel["work"]["instructions"]
        assert all(
            loop["work"]["spills"] <= loop["work"]["loads"] + loop["work"]["stores"]
            for loop in kernel["loops"]
        )


@pytest.mark.compile
def test_what_cannot_be_profiled(
    command: Command, tiny_bundle: Compiled, compiler: Compiler, tmp_path: Path
) -> None:
    command("profile", tmp_path).refused("not a bundle")
    here = tiny_bundle.bundle
    if here.machine.architecture == "x86_64":
        command("profile", here.folder, "--instructions").refused("found:    x86_64", "aarch64")
    other = compiler(tiny(), "armv7").bundle
    command("profile", other.folder).refused("armv7", "expected:", "--instructions")
    command("profile", here.folder, "--runs", "0").refused("--runs")
    command("profile", here.folder, "--plot", tmp_path / "x.gif").refused("x.gif", ".svg")

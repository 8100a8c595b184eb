"""Compilations that go wrong or are interrupted: the right exit code, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.command import ROOT, Finished, finish, start
from support.compiled import Compiler

from mnv3gen.tables.zoo import resolve

Command = Callable[..., Finished]

# After our own schedule, takes the 1/2 of hard-sigmoid and h-swish for 1/4.
WRONG_SCHEDULE = """

right = apply


def apply(kernel, function, core):
    import tvm

    text = right(kernel, function, core).script()
    return tvm.script.from_source(text.replace("T.float32(0.5)", "T.float32(0.25)"))
"""


# Leaves every kernel as TVM legalizes it: temporaries, and loops that LLVM may turn into memset.
NO_SCHEDULE = """
VERSION = 1


def apply(kernel, function, core):
    return function
"""


@pytest.fixture
def schedule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a user's own schedule of convolutions before ours."""
    folder = tmp_path / "mine" / "schedules"
    folder.mkdir(parents=True)
    monkeypatch.setenv("MNV3GEN_PATH", str(folder.parent))

    def write(text: str) -> Path:
        (folder / "conv.py").write_text(text, encoding="utf-8")
        return folder / "conv.py"

    return write


@pytest.fixture
def wrong_schedule(schedule: Callable[[str], Path]) -> None:
    schedule((ROOT / "schedules" / "any.py").read_text(encoding="utf-8") + WRONG_SCHEDULE)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder in which bundles are written, empty."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.mark.compile
@pytest.mark.usefixtures("wrong_schedule")
def test_a_wrong_bundle_is_not_handed_over(command: Command, table: Path, here: Path) -> None:
    result = command("compile", table, "--target", "host", "-o", here / "out", "--json")
    result.refused("libtiny.so computes wrong values", "no bundle is written", code=1)
    assert entries(here) == []


@pytest.mark.compile
@pytest.mark.parametrize("target", ["host", "arm_cpu", "armv7"])
def test_kernels_without_a_schedule_are_right(
    command: Command, table: Path, here: Path, schedule: Callable[[str], Path], target: str
) -> None:
    schedule(NO_SCHEDULE)
    result = command("compile", table, "--target", target, "-o", here / "out", "--json")
    assert result.code == 0, result.err


@pytest.mark.compile
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("VERSION = ", "not a schedule: SyntaxError"),
        ("VERSION = 1", "not a schedule: AttributeError"),
        (NO_SCHEDULE.replace("return function", "return core.lanes"), "cannot schedule conv"),
    ],
)
def test_a_schedule_that_fails_is_named(
    command: Command,
    table: Path,
    here: Path,
    schedule: Callable[[str], Path],
    text: str,
    part: str,
) -> None:
    path = schedule(text)
    result = command("compile", table, "--target", "host", "-o", here / "out", "--json")
    result.refused(str(path), part, code=1)
    assert entries(here) == []


@pytest.mark.compile
@pytest.mark.usefixtures("wrong_schedule")
def test_an_earlier_bundle_outlives_a_failure(
    command: Command, table: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["compile", table, "--target", "host", "-o", here / "out"]
    with monkeypatch.context() as patch:
        patch.delenv("MNV3GEN_PATH")
        assert command(*arguments).code == 0
    before = contents(here / "out")
    assert command(*arguments).code == 1
    assert contents(here / "out") == before
    assert entries(here) == ["out"]


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


@pytest.mark.compile
def test_full_disk(command: Command, table: Path, full_disk: Path) -> None:
    result = command("compile", table, "--target", "host", "-o", full_disk / "out", "--no-cache")
    assert result.code == 1
    assert "No space left" in result.err or "NoSpaceLeft" in result.err
    assert "Traceback" not in result.err
    assert entries(full_disk) == []


@pytest.mark.compile
def test_full_disk_at_the_last_file(
    command: Command, table: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(source: Path, folder: Path) -> None:
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr("shutil.copy2", copy)
    result = command("compile", table, "--target", "host", "-o", here / "out", "--no-cache")
    assert result.code == 1
    assert f"cannot write {here / 'out'}: No space left on device" in result.err
    assert entries(here) == []


@pytest.mark.compile
@pytest.mark.parametrize("sign", [".out.*", ".build.*/*-kernels.o"])
def test_interrupted_compilation(here: Path, sign: str) -> None:
    network = ["mobilenet_v3_small", "--resolution", "96"]
    process = start("compile", *network, "--target", "host", "-o", here / "out", "--no-cache")
    wait_for(process, lambda: any(here.glob(sign)))
    check_interrupted(process)
    assert entries(here) == []


@pytest.mark.emulate
def test_interrupted_emulation(compiler: Compiler, here: Path) -> None:
    # So large that the emulator is busy for many seconds.
    bundle = compiler(resolve("mobilenet_v3_small", resolution=640), "arm_cpu").bundle
    np.save(here / "input.npy", np.zeros((640, 640, 3), dtype=np.float32))
    output = here / "out.npz"
    process = start("run", bundle.folder, here / "input.npy", "-o", output)
    maps = Path(f"/proc/{process.pid}/maps")
    wait_for(process, lambda: "unicorn" in maps.read_text())
    time.sleep(1)
    check_interrupted(process)
    assert entries(here) == ["input.npy"]


def test_what_is_no_bundle_is_not_overwritten(command: Command, table: Path, here: Path) -> None:
    (here / "file").write_text("precious")
    (here / "folder").mkdir()
    (here / "folder" / "file").write_text("precious")
    for output in (here / "file", here / "folder"):
        result = command("compile", table, "-o", output)
        result.refused(str(output), "not a bundle", "expected: a new folder")
    assert (here / "file").read_text() == "precious"
    assert entries(here / "folder") == ["file"]


@pytest.mark.compile
def test_parallel_compilations(
    table: Path, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))
    outputs = [here / "one", here / "two", here / "three"]
    processes = [start("compile", table, "--target", "host", "-o", each) for each in outputs]
    for process in processes:
        result = finish(process)
        assert (result.code, result.err) == (0, "")
    assert contents(outputs[0]) == contents(outputs[1]) == contents(outputs[2])
    assert len(entries(tmp_path / "cache")) == 1
    assert entries(here) == ["one", "three", "two"]


def wait_for(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Until the condition holds; the process must not end before."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def check_interrupted(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C, as a terminal does: the signal goes to the whole group."""
    os.killpg(process.pid, signal.SIGINT)
    result = finish(process, timeout=20)
    # Interrupted in an import, Python itself ends by the signal; a shell reports 130 for both.
    assert result.code in (130, -signal.SIGINT)
    assert "interrupted" in result.err
    assert "Traceback" not in result.err


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def entries(folder: Path) -> list[str]:
    """The names of everything in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())

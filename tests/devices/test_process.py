"""Programs with limits: of time, of what they print, of what they leave behind."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from mnv3gen.devices.process import SizeLimitError, TimeLimitError, execute


def python(code: str) -> list[str]:
    """A command line of this Python."""
    return [sys.executable, "-c", code]


def test_it_gives_both_texts_and_the_code() -> None:
    output = execute(python("import sys; print('a'); print('b', file=sys.stderr); sys.exit(3)"), 30)
    assert (output.code, output.text, output.errors) == (3, "a\n", "b\n")


def test_lines_come_while_it_runs() -> None:
    seen: list[tuple[str, float]] = []
    code = "import time\nprint('a', flush=True)\ntime.sleep(1)\nprint('b')"
    execute(python(code), 30, on_line=lambda line: seen.append((line, time.monotonic())))
    (first, early), (second, late) = seen
    assert (first, second) == ("a", "b")
    assert late - early > 0.5


def test_an_error_of_the_reader_of_lines_ends_it() -> None:
    def refuse(line: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="a"):
        execute(python("import time\nprint('a', flush=True)\ntime.sleep(60)"), 30, on_line=refuse)


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(TimeLimitError):
        execute(python(code), 5)
    child = int(pid.read_text())
    for _ in range(100):
        if not is_alive(child):
            return
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    raise AssertionError("the child is still there")


def test_a_program_that_prints_without_end_is_killed() -> None:
    with pytest.raises(SizeLimitError):
        execute(python("while True: print('x' * 1000)"), 60, most_bytes=100_000)


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False

"""The command line as a process, and what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ONE_SCREEN = 25  # lines


@dataclass(frozen=True)
class Finished:
    """The exit code and the texts of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What `--json` printed."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def refused(self, *parts: str, code: int = 2) -> None:
        """Assert a one-screen error that has each of the parts."""
        assert self.code == code, self.out + self.err
        assert self.out == ""
        assert "Traceback" not in self.err
        assert len(self.err.splitlines()) <= ONE_SCREEN
        for part in parts:
            assert part in self.err, self.err


def start(*arguments: object, folder: Path | None = None) -> subprocess.Popen[str]:
    """`python -m mnv3gen` in a process group of its own, as a shell starts it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "mnv3gen", *map(str, arguments)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], timeout: float = 120) -> Finished:
    """Wait for the end of a process."""
    out, err = process.communicate(timeout=timeout)
    return Finished(process.returncode, out, err)


def mnv3gen(*arguments: object, folder: Path | None = None) -> Finished:
    """Run `python -m mnv3gen` to its end."""
    return finish(start(*arguments, folder=folder))

"""A runner's process from our side: requests, answers, and what became of one that ended."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from mnv3gen.bench.environments import environment_of
from mnv3gen.errors import Mnv3genError
from mnv3gen.resources import PACKAGE

SECONDS = 300.0  # that an answer may take: loading is where engines compile
CHUNK = 1 << 16
# The folder of mnv3gen leads the path until the runner's own modules are imported.
START = """\
import sys
root = sys.argv[2]
sys.path.insert(0, root)
from mnv3gen.bench.runners.serve import main
main(sys.argv[1], root)
"""


class RunnerError(Mnv3genError):
    """A runner's process ended, did not answer, or answered with an error."""


class Worker:
    """A process that serves one runner; `mnv3gen.bench.runners.serve` has the requests."""

    def __init__(self, name: str, runner: str, python: str, folder: Path) -> None:
        """Start it in `folder`; `name` is what errors call it."""
        self.name = name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed in `close`
        self._rest = b""
        # In a group of its own, so that Ctrl-C is for us alone.
        self._process = subprocess.Popen(
            [python, "-c", START, runner, str(PACKAGE.parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=folder,
            env=environment_of(python),
            start_new_session=True,
        )

    def ask(self, do: str, *, seconds: float = SECONDS, **fields: Any) -> dict[str, Any]:
        """The answer to a request; RunnerError if there is none, or it is an error."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._line(seconds))
        except BrokenPipeError:
            raise self._ended() from None
        if "error" in answer:
            raise RunnerError(f"{self.name} failed to {do}: {answer['error']}")
        return answer

    @property
    def process_id(self) -> int:
        """That of the process."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _line(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            if not select.select([pipe], [], [], seconds)[0]:
                raise RunnerError(f"{self.name} gave no answer within {seconds:g} s")
            if not (read := os.read(pipe, CHUNK)):
                raise self._ended()
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _ended(self) -> RunnerError:
        code = self._process.wait()
        how = f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()[-5:]
        return RunnerError("\n  ".join([f"{self.name} ended {how}", *lines]))

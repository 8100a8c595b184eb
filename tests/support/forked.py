"""Command lines in forks of a process that has run one before: quick, again and again.

The process is started with `faults.so` before its libc, so that each fork may have a fault of its
own. It reads requests from stdin, a line of JSON each, and answers likewise.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ != "__main__":
    from support.command import ROOT, Finished


SECONDS = 300  # after which a fork ends: one that waits for ever would keep the tests


class Forks:
    """The process; `warm` is a command line in it, `run` one in a fork of it."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self.folder = process, folder

    def warm(self, words: Sequence[object], environment: Mapping[str, object]) -> None:
        """Run a command line in the process itself, which imports what it needs for all others."""
        assert (result := self._ask(words, environment, fork=False)).code == 0, result.err

    def run(self, words: Sequence[object], environment: Mapping[str, object]) -> Finished:
        """Run a command line to its end, with more in the environment."""
        return self._ask(words, environment, fork=True)

    def _ask(
        self, words: Sequence[object], environment: Mapping[str, object], fork: bool
    ) -> Finished:
        texts = [self.folder / name for name in ("fork.out", "fork.err")]
        strings = {key: str(value) for key, value in environment.items()}
        request = {"words": list(map(str, words)), "environment": strings, "fork": fork}
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request | {"texts": list(map(str, texts))}) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        return Finished(code, *(text.read_text(encoding="utf-8") for text in texts))


@contextlib.contextmanager
def forking(faults: Path, folder: Path, *modules: str) -> Iterator[Forks]:
    """A process that has imported these modules."""
    command = [sys.executable, str(Path(__file__)), *modules]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "LD_PRELOAD": str(faults)}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Forks(process, folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def serve(modules: Sequence[str]) -> None:
    """Import modules, then answer each request with the exit code of its fork."""
    import importlib

    for name in modules:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        if not request["fork"]:
            print(_run(request), flush=True)
            continue
        child = os.fork()
        if not child:
            signal.alarm(SECONDS)
            os._exit(_run(request))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(request: dict[str, Any]) -> int:
    """Run a command line, its texts into files; the exit code, 3 for an exception."""
    from mnv3gen.cli.main import run

    kept = dict(os.environ), os.dup(1), os.dup(2)
    os.environ.update(request["environment"])
    for number, text in enumerate(request["texts"], 1):
        file = os.open(text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    try:
        return run(request["words"])
    except BaseException:
        traceback.print_exc()
        return 3
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.environ.clear()
        os.environ.update(kept[0])
        for number, file in enumerate(kept[1:], 1):
            os.dup2(file, number)
            os.close(file)


if __name__ == "__main__":
    serve(sys.argv[1:])

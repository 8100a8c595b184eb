"""A process that runs one network with one engine: requests and answers are lines of JSON.

    {"do": "load", "model": ..., "data": ..., "outputs": [...], "cpu": 1}    {}
    {"do": "run", "file": "outputs.npz"}                                    {}
    {"do": "time", "runs": 8}                    {"nanoseconds": [9412345, ...]}
    {"do": "report"}             {"memory_bytes": ..., "library_bytes": ...}

An answer may be {"error": ...} instead. The process ends with its standard input.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
import numpy.typing as npt

SYSTEM = ("/lib", "/usr/lib", "/lib64", "/usr/lib64")


class Runner(Protocol):
    """A network, loaded by an engine with one thread, and its input set."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        """Load `model`, whose outputs have these names; `data` is in the layout of the model."""

    def run(self) -> object:
        """Compute all outputs once."""

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """What the last run computed."""


class Server:
    """Answers requests with the runner of a module."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.runner: Runner
        self.idle_bytes = 0
        self.idle_libraries: set[str] = set()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request says."""
        answer: dict[str, Any] = getattr(self, request.pop("do"))(**request)
        return answer

    def load(self, model: str, data: str, outputs: list[str], cpu: int | None) -> dict[str, Any]:
        """Make the runner, on one processor."""
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        array = np.load(data)
        self.idle_bytes, self.idle_libraries = status("VmRSS"), libraries()
        self.runner = self.module.Runner(Path(model), array, outputs)
        return {}

    def run(self, file: str) -> dict[str, Any]:
        """Run once and keep the outputs."""
        self.runner.run()
        np.savez(file, *self.runner.outputs())
        return {}

    def time(self, runs: int) -> dict[str, Any]:
        """Run several times in a row."""
        run, clock = self.runner.run, time.perf_counter_ns
        spans = [0] * runs
        gc.disable()
        for index in range(runs):
            start = clock()
            run()
            spans[index] = clock() - start
        gc.enable()
        return {"nanoseconds": spans}

    def report(self) -> dict[str, Any]:
        """The memory and the libraries that came with the runner, in bytes."""
        new = libraries() - self.idle_libraries
        return {
            "memory_bytes": max(status("VmHWM") - self.idle_bytes, 0),
            "library_bytes": sum(Path(path).stat().st_size for path in new),
        }


def status(field: str) -> int:
    """A size that Linux tells of this process, in bytes; 0 where there is none."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:")), 0)


def libraries() -> set[str]:
    """The shared libraries in this process that neither the system nor Python itself has."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    fields = (line.split(maxsplit=5) for line in lines)
    paths = {each[5] for each in fields if len(each) == 6 and ".so" in Path(each[5]).name}
    own = (*SYSTEM, f"{sysconfig.get_path('stdlib')}/lib-dynload")
    return {path for path in paths if not path.startswith(own) and Path(path).is_file()}


def serve(module: Any, requests: TextIO, answers: TextIO) -> None:
    """Answer until there are no more requests; an error is an answer too."""
    server = Server(module)
    for line in requests:
        try:
            answer = server.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main(name: str, root: str) -> None:
    """Serve as the runner of a module of this package; `root` is the folder of mnv3gen.

    That folder leaves the path, so that an engine finds nothing of another environment's. What an
    engine prints goes to standard error.
    """
    module = importlib.import_module(f"mnv3gen.bench.runners.{name}")
    sys.path.remove(root)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(module, sys.stdin, answers)

"""A runner's process from outside: answers, errors, crashes, silence."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mnv3gen.bench.worker import RunnerError, Worker


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A process that would run onnxruntime, had it a network."""
    worker = Worker("a peer", "onnxruntime", sys.executable, tmp_path)
    yield worker
    worker.close()


def script(folder: Path, text: str) -> str:
    """A program in place of an interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_an_error_names_the_peer_and_the_request(worker: Worker, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(1, np.float32))
    model = tmp_path / "missing.onnx"
    data = str(tmp_path / "x.npy")
    for _ in range(2):  # the process is still there
        with pytest.raises(RunnerError, match=r"^a peer failed to load: .*missing\.onnx"):
            worker.ask("load", model=str(model), data=data, outputs=[], cpu=None)


def test_a_killed_process(worker: Worker) -> None:
    with pytest.raises(RunnerError, match="failed to time"):
        worker.ask("time", runs=1)
    os.kill(worker.process_id, signal.SIGKILL)
    with pytest.raises(RunnerError, match=r"^a peer ended by SIGKILL"):
        worker.ask("time", runs=1)


def test_a_process_that_cannot_start(tmp_path: Path) -> None:
    worker = Worker("a peer", "no_such_engine", sys.executable, tmp_path)
    with pytest.raises(RunnerError) as caught:
        worker.ask("report")
    worker.close()
    assert str(caught.value).startswith("a peer ended with exit code 1\n")
    assert "No module named 'mnv3gen.bench.runners.no_such_engine'" in str(caught.value)


def test_a_silent_process(tmp_path: Path) -> None:
    worker = Worker("a peer", "onnxruntime", script(tmp_path, "exec sleep 60"), tmp_path)
    with pytest.raises(RunnerError, match=r"^a peer gave no answer within 0\.2 s"):
        worker.ask("report", seconds=0.2)
    worker.close()

"""The protocol of a runner's process, without one."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.command import ROOT

from mnv3gen.bench.peers import PEERS
from mnv3gen.bench.runners.serve import libraries, serve


class Doubling:
    """A network whose outputs are its input doubled, and the number of runs."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        if model.name == "broken":
            raise ValueError("no such network")
        self.data = data
        self.names = outputs
        self.count = 0

    def run(self) -> None:
        self.count += 1

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        return [2 * self.data, np.array([self.count], np.float32)]


def answers(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    """What the requests are answered with, one after the other."""
    output = io.StringIO()
    text = "".join(json.dumps(request) + "\n" for request in requests)
    serve(SimpleNamespace(Runner=Doubling), io.StringIO(text), output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def load(folder: Path, model: str = "model") -> dict[str, Any]:
    np.save(folder / "x.npy", np.array([[1, 2], [3, 4]], np.float32))
    data = str(folder / "x.npy")
    return {"do": "load", "model": model, "data": data, "outputs": ["a", "b"], "cpu": None}


def test_load_time_run(tmp_path: Path) -> None:
    file = str(tmp_path / "y.npz")
    loaded, timed, ran = answers(
        load(tmp_path), {"do": "time", "runs": 4}, {"do": "run", "file": file}
    )
    assert loaded == ran == {}
    assert len(timed["nanoseconds"]) == 4
    assert all(isinstance(span, int) and span >= 0 for span in timed["nanoseconds"])
    with np.load(file) as outputs:
        np.testing.assert_array_equal(outputs["arr_0"], [[2, 4], [6, 8]])
        assert outputs["arr_1"] == [5]


def test_errors_are_answers(tmp_path: Path) -> None:
    broken, unknown, loaded = answers(load(tmp_path, "broken"), {"do": "dance"}, load(tmp_path))
    assert broken == {"error": "ValueError: no such network"}
    assert "dance" in unknown["error"]
    assert loaded == {}


def test_report(tmp_path: Path) -> None:
    _, report = answers(load(tmp_path), {"do": "report"})
    assert report["memory_bytes"] >= 0
    assert report["library_bytes"] == 0


def test_libraries_are_those_of_packages() -> None:
    found = {Path(path).parts for path in libraries()}
    assert any("numpy" in part for parts in found for part in parts)
    assert not any(path.startswith("/usr/lib/") for path in libraries())


@pytest.mark.parametrize("name", PEERS)
def test_a_runner_imports_its_engine_with_the_network(name: str) -> None:
    """So that what the engine takes is seen; and nothing else is needed but NumPy."""
    code = (
        "import sys, numpy.typing\n"
        "before = set(sys.modules)\n"
        f"import mnv3gen.bench.runners.serve, mnv3gen.bench.runners.{name}\n"
        "new = {module.partition('.')[0] for module in set(sys.modules) - before}\n"
        "print(*(new - set(sys.stdlib_module_names)))\n"
    )
    assert python(code).stdout.split() == ["mnv3gen"]


def test_what_an_engine_prints_is_no_answer(tmp_path: Path) -> None:
    code = (
        "import os, sys, types\n"
        "from mnv3gen.bench.runners.serve import main\n"
        "name = 'mnv3gen.bench.runners.loud'\n"
        "sys.modules[name] = types.ModuleType(name)\n"
        "sys.modules[name].Runner = lambda *_: os.write(1, b'engine 1.0\\n')\n"
        "sys.path.insert(0, 'root')\n"
        "main('loud', 'root')\n"
    )
    result = python(code, json.dumps(load(tmp_path)) + "\n")
    assert (result.stdout, result.stderr) == ("{}\n", "engine 1.0\n")


def python(code: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run code with a text as its input."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

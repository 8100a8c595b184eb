"""`mnv3gen tune` on a tiny table, what `compile` makes of it, and an interrupt."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished, finish, start

from mnv3gen.compile.tuned import FILE, read_log

Command = Callable[..., Finished]

pytestmark = pytest.mark.compile

TABLE = "input: 12x12x8\nbneck, 3x3  24  8  -  HS  1\nconv2d, 1x1  -  16  -  RE  1"
PROJECTION = "conv1x1_12x12x24_12x12x8_bias_add_f32"
TOLERANCE = 1e-4  # of the largest output: decision 3 of docs/architecture.md
PATIENCE = 120  # seconds


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without records."""
    pytest.importorskip("xgboost")
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny_tuned.bneck"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_tuned_kernels_are_required_and_used(command: Command, tiny: Path, tmp_path: Path) -> None:
    compiling = ["compile", tiny, "--target", "host", "-o", tmp_path / "o"]
    command(*compiling, "--require-tuned", "--json").refused("--require-tuned", PROJECTION)
    assert not (tmp_path / "o").exists()

    summary = command("tune", tiny, "--minutes", "0.15", "--json").json
    assert summary["measured"] == summary["kernels"] > 0
    assert summary["trials"] >= summary["kernels"]

    made = command(*compiling, "--require-tuned", "--json").json
    assert (made["tuned"], made["by_rule"]) == (made["kernels"], 0)
    assert made["max_error"] < TOLERANCE

    by_rule = command(*compiling, "--rule", "--json").json
    assert (by_rule["tuned"], by_rule["by_rule"]) == (0, by_rule["kernels"])
    assert f"0 of {by_rule['kernels']} kernels tuned" in command(*compiling, "--rule").out


def test_an_interrupt_keeps_what_was_found(tiny: Path, cache: Path) -> None:
    process = start("tune", tiny, "--minutes", "30", "--json")
    trials = cache / "tuning" / "host" / "trials.jsonl"
    deadline = time.monotonic() + PATIENCE
    while not (trials.is_file() and trials.read_bytes().count(b"\n") >= 3):
        assert process.poll() is None and time.monotonic() < deadline, finish(process)
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the whole group
    finished = finish(process)
    assert finished.code == 130, finished.err
    assert "Traceback" not in finished.err
    assert json.loads(finished.out)["measured"] >= 3
    assert len(read_log(cache / "tuning" / "host" / FILE)) >= 3

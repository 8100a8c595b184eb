"""`mnv3gen tune` on a tiny table, what `compile` makes of it, and an interrupt."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.command import Finished, finish, start

from mnv3gen.compile.metaschedule import folder_of, read_entries
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.compile.request import Request
from mnv3gen.compile.tuned import FILE, core_of, read_log
from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load
from mnv3gen.tune.tasks import quantized_by_seed

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


def test_int8_kernels_are_tuned_too(command: Command, tiny: Path, tmp_path: Path) -> None:
    """Those that can be computed in one way only need no record."""
    network = parse(TABLE)
    request = Request(
        network,
        load("host"),
        seeded_weights(expand(network), 0),
        "seed 0",
        require_tuned=True,
        quantized=quantized_by_seed(network),
    )
    with pytest.raises(InputError, match="kernels have no tuning record") as error:
        compile_network(request, tmp_path / "o")
    assert "mnv3gen tune --int8" in str(error.value)

    summary = command("tune", tiny, "--int8", "--minutes", "0.1", "--json").json
    assert summary["measured"] == summary["kernels"] > 0
    kernels = compile_network(request, tmp_path / "o").bundle.manifest.kernels
    assert {kernel.provenance for kernel in kernels} == {"tuned"}
    ruled = replace(request, require_tuned=False, by_rule=True)
    kernels = compile_network(ruled, tmp_path / "r").bundle.manifest.kernels
    assert {kernel.provenance for kernel in kernels} == {"fixed", "rule"}


def test_kernels_that_no_generator_covers(
    command: Command, tiny: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is searched for, written to both folders, and required from then on."""
    tiny.write_text(f"hswish: naive\n{TABLE}", encoding="utf-8")
    monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path / "path"))
    (tmp_path / "path" / "tuning_logs").mkdir(parents=True)
    summary = command("tune", tiny, "--minutes", "0.3", "--commit", "--json").json
    assert (summary["fallbacks"], summary["searched"]) == (3, 3)
    assert summary["fallbacks_best_us"] <= summary["fallbacks_rule_us"]

    own = folder_of(cache / "tuning" / "host", core_of(load("host")))
    committed = folder_of(tmp_path / "path" / "tuning_logs" / "host", core_of(load("host")))
    found = {entry.record.kernel: entry for entry in read_entries(own)}
    assert sorted(found) == ["add_12x12x24_12x12x24_scalar_f32", "clip_12x12x24_12x12x24_f32",
                             "gate_12x12x24_12x12x24_scalar_f32"]  # fmt: skip
    assert {entry.record.kernel: entry for entry in read_entries(committed)} == found
    assert command("logs", "check").code == 0

    compiling = ["compile", tiny, "--target", "host", "-o", tmp_path / "o", "--json"]
    made = command(*compiling, "--require-tuned").json
    better = sum(entry.record.better for entry in found.values())
    assert (made["by_metaschedule"], made["by_rule"], made["by_tvm"]) == (better, 0, 0)
    assert made["tuned"] == made["kernels"] - better
    assert made["max_error"] < TOLERANCE

    again = command("tune", tiny, "--minutes", "0", "--json").json
    assert again["searched"] == 3 and again["trials"] == 0


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

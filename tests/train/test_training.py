"""`mnv3gen train`: what it learns, what it leaves, and how it goes on after a kill."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.command import Finished, finish, start
from support.training import TABLE, little, write_recipe, write_stripes

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.graph.weights import load_metadata

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

Command = Callable[..., Finished]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a table, a recipe and data."""
    (tmp_path / "little.bneck").write_text(TABLE, encoding="utf-8")
    write_recipe(tmp_path / "recipe.toml")
    write_stripes(tmp_path / "stripes.npz")
    return tmp_path


def arguments(files: Path, *more: object, output: str = "run") -> list[object]:
    table, data = files / "little.bneck", files / "stripes.npz"
    recipe = ["--recipe", files / "recipe.toml", "--threads", 1]
    return ["train", table, "--data", data, *recipe, "-o", files / output, *more]


def curves(folder: Path) -> list[dict[str, str]]:
    with (folder / "curves.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        {k: v for k, v in row.items() if "seconds" not in k and "second" not in k} for row in rows
    ]


def test_learns_and_leaves_what_compile_takes(command: Command, files: Path) -> None:
    summary = command(*arguments(files, "--epochs", 8, "--json")).json
    assert summary["best_accuracy"] >= 0.95
    run = files / "run"
    weights = load_file(run / "best.safetensors")
    assert {k: v.shape for k, v in weights.items()} == parameter_shapes(expand(little()))
    metadata = load_metadata(run / "best.safetensors")
    assert (metadata["padding"], metadata["preprocess"], metadata["seed"]) == ("same", "whole", "0")
    assert (run / "labels.txt").read_text(encoding="utf-8") == "rows\ncolumns\nboth\n"
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert [row["epoch"] for row in curves(run)] == [str(n) for n in range(1, 9)]
    result = command("eval", run / "best.safetensors", "--data", files / "stripes.npz", "--json")
    assert result.json["top1"] == pytest.approx(summary["best_accuracy"])
    assert result.json["pictures"] == 96


@pytest.mark.compile
def test_a_compiled_bundle_gives_the_same_answers(command: Command, files: Path) -> None:
    command(*arguments(files, "--epochs", 8, "--json"))
    run, bundle = files / "run", files / "out"
    made = command(
        "compile",
        run / "network.bneck",
        "--weights",
        run / "best.safetensors",
        "-o",
        bundle,
        "--labels",
        run / "labels.txt",
        "--target",
        "host",
    )
    assert made.code == 0, made.err
    answers = []
    for subject in (bundle, run / "best.safetensors"):
        lines = files / "answers.csv"
        found = command("eval", subject, "--data", files / "stripes.npz", "--json", "-o", lines)
        assert found.json["top1"] >= 0.95
        answers.append(lines.read_text(encoding="utf-8"))
    assert answers[0] == answers[1]
    assert found.json["classes"].keys() == {"rows", "columns", "both"}


def same(first: Path, second: Path) -> None:
    ours, theirs = (load_file(each / "last.safetensors") for each in (first, second))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    assert curves(first) == curves(second)


def test_a_run_stopped_between_steps_ends_as_if_it_had_not_been(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnv3gen.train.learner import Learner

    command(*arguments(files, output="whole"))
    step = Learner.step

    def interrupting(self: Learner, batch: Any, rate: float, number: int) -> tuple[float, float]:
        if number == 13:  # in the middle of the second epoch of eight steps
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, batch, rate, number)

    monkeypatch.setattr(Learner, "step", interrupting)
    stopped = command(*arguments(files, "--json", output="parts"))
    assert stopped.code == 130
    monkeypatch.setattr(Learner, "step", step)
    resumed = command(*arguments(files, output="parts"))
    assert "resumed   epoch 2, step 14" in resumed.err
    same(files / "whole", files / "parts")


@pytest.mark.parametrize("optimizer", ["rmsprop", "sgd"])
def test_a_killed_run_ends_as_if_it_had_not_been(
    command: Command, files: Path, optimizer: str
) -> None:
    write_recipe(files / "recipe.toml", optimizer, rate=0.002)
    process = start(*arguments(files, "--epochs", 12, output="parts"))
    deadline = time.monotonic() + 600
    while not (files / "parts" / "curves.csv").is_file():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    finish(process)
    assert command(*arguments(files, "--epochs", 12, "--json", output="parts")).json["epochs"] == 12
    command(*arguments(files, "--epochs", 12, "--json", output="whole"))
    same(files / "whole", files / "parts")
    assert len(list((files / "parts").glob("checkpoint-*"))) == 1


def test_a_folder_of_another_run_is_refused(command: Command, files: Path) -> None:
    command(*arguments(files, "--epochs", 1))
    wider = ["--width", "2"]
    command(*arguments(files, "--epochs", 1, *wider)).refused("another table", str(files / "run"))
    command(*arguments(files, "--epochs", 1, "--seed", 1)).refused("another seed", "found:    0")
    assert command(*arguments(files, "--epochs", 1, *wider, "--restart")).code == 0


def test_divergence_stops_and_keeps_the_last_good_state(command: Command, files: Path) -> None:
    write_recipe(files / "recipe.toml", "sgd", rate=1e6)
    stopped = command(*arguments(files, "--json"))
    stopped.refused("diverged", "no finite number", "--rate", code=1)
    assert not (files / "run" / "state.json").exists()


def test_a_later_divergence_keeps_the_epochs_before(
    command: Command, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnv3gen.train.learner import Learner

    step = Learner.step

    def diverging(self: Learner, batch: Any, rate: float, number: int) -> tuple[float, float]:
        loss, right = step(self, batch, rate, number)
        return (float("nan") if number == 20 else loss), right

    monkeypatch.setattr(Learner, "step", diverging)
    stopped = command(*arguments(files, "--json"))
    stopped.refused("step 21", "the state of epoch 2 is kept", code=1)
    weights = load_file(files / "run" / "last.safetensors")
    assert all(np.isfinite(value).all() for value in weights.values())
    assert len(curves(files / "run")) == 2


def test_a_full_disk_keeps_what_was_saved(files: Path) -> None:
    """The limit of a file's size stands for the end of the disk: writing fails half-way."""
    program = (
        "import resource, signal, sys; from mnv3gen.cli.main import run\n"
        "from mnv3gen.train import state\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "write = state.write_checkpoint\n"
        "def limited(folder, new, tensors):\n"
        "    if new.epoch == 2:\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "    write(folder, new, tensors)\n"
        "import mnv3gen.train.session as session; session.write_checkpoint = limited\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    import sys

    command = [sys.executable, "-c", program, *map(str, arguments(files, "--json"))]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 1
    assert "cannot save: File too large" in result.stderr
    run = files / "run"
    assert not list(run.glob(".*tmp"))
    assert '"epoch": 1' in (run / "state.json").read_text(encoding="utf-8")
    (checkpoint,) = run.glob("checkpoint-*")
    assert checkpoint.name in (run / "state.json").read_text(encoding="utf-8")
    load_file(checkpoint)


def test_a_time_budget_ends_a_run(command: Command, files: Path) -> None:
    """The cosine is over time: it has ended, however many epochs that were."""
    command(*arguments(files, "--minutes", 0.1, "--json"))
    assert float(curves(files / "run")[-1]["rate"]) < 0.002
    again = command(*arguments(files, "--minutes", 0.1, "--json")).json
    assert again["epochs"] == len(curves(files / "run"))  # a run that is over stays as it is

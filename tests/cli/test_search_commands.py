"""`mnv3gen search`: a whole search without a device, going on with it, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished
from support.searches import KERNELS, SPACE, TableLatency, write_space, write_truth

from mnv3gen.search.accuracy.tabulated import Tabulated
from mnv3gen.search.trials import FILE, read_trials
from mnv3gen.tables.parse import load

SAMPLE = Path(__file__).parents[1] / "train" / "fashion_mnist_250.npz"
Command = Callable[..., Finished]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A search of 32 networks by trainings of one epoch, with latencies of a table."""
    pytest.importorskip("torch")
    from mnv3gen.search import session

    space = write_space(tmp_path, KERNELS)
    table = Tabulated(write_truth(tmp_path, space), space)

    def opened(*_: object) -> TableLatency:
        return TableLatency(table)

    monkeypatch.setattr(session, "open_space_latency", opened)
    monkeypatch.setattr(session, "open_whole", opened)
    line = f"search nas --space {tmp_path}/eight.toml --data npz:{SAMPLE} --target-ms 4 --ray off"
    line += f" --evaluator proxy --epochs 1 --controller random --latency model -o {tmp_path}/s"
    return line.split()


@pytest.mark.torch
def test_a_search_and_its_finalists(command: Command, arguments: list[str], tmp_path: Path) -> None:
    result = command(*arguments, "--trials", 3, "--finalists", 2, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["trials"] == {"ok": 3, "stopped": 0, "failed": 0}
    trials = read_trials(tmp_path / "s")
    best = max(trials, key=lambda trial: trial.reward or 0)
    assert found["best_reward"] == best.reward
    first, _ = found["finalists"]
    assert (first["trial"], first["error"]) == (best.number, 0.0)
    network = load(tmp_path / "s" / "best.bneck")
    assert (network.name, network.rows) == ("found", load_text(best.point))
    assert {it.name for it in (tmp_path / "s").iterdir()} == {
        "search.json", FILE, "finalists.json", "best.bneck",
    }  # fmt: skip

    with (tmp_path / "s" / FILE).open("a") as file:
        file.write('{"number":3,')  # as after kill -9
    again = command(*arguments, "--trials", 4, "--finalists", 0)
    assert again.code == 0
    assert "3 trials are known" in again.err
    assert "skipped damaged lines 4" in again.err
    assert len(read_trials(tmp_path / "s")) == 4
    command(*arguments, "--seed", 1).refused("another seed", "found:    0", "--restart")
    settings = tmp_path / "s" / "search.json"
    kept = json.loads(settings.read_text())
    assert kept.pop("recipe") == "short"
    settings.write_text(json.dumps(kept))  # as before there was another one
    command(*arguments).refused("another recipe", "found:    modern", "expected: short")
    assert command(*arguments, "--seed", 1, "--trials", 1, "--restart").code == 0
    assert [trial.seed for trial in read_trials(tmp_path / "s")] == [1]


@pytest.mark.torch
def test_finalists_that_are_trained_alone(
    command: Command, arguments: list[str], tmp_path: Path
) -> None:
    line = ("--trials", 3, "--finalists", 2, "--finalist-epochs", 2, "--json")
    found = json.loads(command(*arguments, *line).out)["finalists"]
    kept = [json.loads(it) for it in (tmp_path / "s" / "trained.jsonl").read_text().splitlines()]
    values = {it["trial"]: it["accuracy"]["value"] for it in kept}
    assert {it["trial"]: it["trained_accuracy"] for it in found} == values
    assert [len(it["accuracy"]["curve"]) for it in kept] == [2, 2]
    assert not (tmp_path / "s" / "work").exists()


def load_text(text: str) -> object:
    """The rows of a table."""
    from mnv3gen.tables.parse import parse

    return parse(text).rows


@pytest.mark.torch
def test_what_is_refused(command: Command, arguments: list[str], tmp_path: Path) -> None:
    command(*arguments, "--controller", "pso").refused("no such controller", "nearest:  ppo")
    command(*arguments, "--latency", "tables").refused("nearest:  table")
    command(*arguments, "--space", "v4-small").refused("no such space", "nearest:  v3-small")
    command(*arguments, "--device", "locale").refused("nearest:  local")
    command(*arguments, "--data", "fashion").refused("nearest:  fashion-mnist")
    other = tmp_path / "other"
    other.mkdir()
    write_space(other, SPACE.replace('["bneck3", "bneck6"]', '["sepconv"]'))
    command(*arguments, "--space", other / "eight.toml").refused("an empty space", "block 2 of 2")
    command(*arguments, "-o", tmp_path, "--restart").refused("not the folder of a search")
    assert not (tmp_path / "s").exists()


def test_a_search_that_is_none(command: Command) -> None:
    command("search", "nsa").refused("no such search", "nearest:  nas")


def test_controllers_are_compared(command: Command, tmp_path: Path) -> None:
    """On a made-up truth: of 32 networks, trying all of them finds the best ten."""
    space = write_space(tmp_path, KERNELS)
    truth = write_truth(tmp_path, space)
    line = f"search controllers --space {tmp_path}/eight.toml --truth {truth} --trials 32 --json"
    result = command(*line.split(), "--controller", "random", "--controller", "evolution")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["target_ms"] == 16.5
    rewards = sorted((0.5 + n / 100) * ((1 + n) / 16.5) ** -0.15 for n in range(32))
    assert found["possible"] == pytest.approx(sum(rewards[-10:]) / 10)
    random, evolution = found["controllers"]
    assert random["mean"] == pytest.approx(found["possible"])
    assert [run["networks"] for run in random["runs"]] == [32, 32, 32]
    assert evolution["mean"] <= found["possible"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("0.50000\t1", "1.50000\t1"), "not a network's line"),
        (("0.50000\t1\tbneck3", "0.50000\t1\tbneck5"), "not a network of the space"),
        (("0.50000\t1\tbneck3 3x3", "# 0.5"), "found:    31 networks"),
    ],
)
def test_a_damaged_truth(
    command: Command, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    truth = write_truth(tmp_path, write_space(tmp_path, KERNELS))
    text = truth.read_text()
    assert change[0] in text
    truth.write_text(text.replace(*change, 1))
    line = f"search controllers --space {tmp_path}/eight.toml --truth {truth}"
    command(*line.split()).refused(message)


def test_a_folder_that_is_no_search(command: Command, tmp_path: Path) -> None:
    command("search", "tabulate", tmp_path, "-o", tmp_path / "x.tsv").refused("no search")

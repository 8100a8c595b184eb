"""`mnv3gen search netadapt`: its arguments, what it prints, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command import Finished
from support.training import write_recipe, write_stripes

from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.measure.paired import Paired
from mnv3gen.search.latency import Latency
from mnv3gen.tables.network import Network

pytest.importorskip("torch")
pytestmark = pytest.mark.torch
Command = Callable[..., Finished]
TABLE = """name: wide
input: 12x12x3
classes: 3
preprocess: whole

Operator         exp  #out  SE  NL  s
conv2d, 3x3        -     8   -  HS  2
bneck, 3x3        48     8   ✓  RE  1
bneck, 3x3        64    16   -  HS  2
pool               -     -   -   -  1
conv2d 1x1, NBN    -     k   -   -  1
"""


def milliseconds(network: Network) -> float:
    """A million multiply-adds a millisecond."""
    return count(expand(network)).madds / 1e6


class Source:
    """Latencies as above, of a device that takes the same."""

    name = "model"

    def of(self, network: Network) -> Latency:
        """See `LatencySource`."""
        return Latency(ms=milliseconds(network), interval_ms=0.0, source="model")

    def close(self) -> None:
        """See `LatencySource`."""


def compare(self: Any, before: Network, after: Network, rounds: int, error: float) -> Paired:
    """In place of the device's times."""
    return Paired((milliseconds(before),) * rounds, (milliseconds(after),) * rounds)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The arguments of a short run, and a device whose times can be worked out."""
    from mnv3gen.search import latency, measured

    def opened(*_: object) -> Source:
        return Source()

    monkeypatch.setattr(latency, "open_latency", opened)
    monkeypatch.setattr(measured.MeasuredLatency, "compare", compare)
    table = tmp_path / "wide.bneck"
    table.write_text(TABLE, encoding="utf-8")
    return [
        *("search", "netadapt", table, "--data", write_stripes(tmp_path / "stripes.npz")),
        *("--recipe", write_recipe(tmp_path / "recipe.toml"), "--latency", "model"),
        *("--delta", "0.1", "--fine-tune", 1, "--seed-epochs", 1, "--final-epochs", 1),
        *("--threads", 1, "-o", tmp_path / "n"),
    ]


def target(share: float) -> list[object]:
    """--target-ms as a share of the seed's."""
    from mnv3gen.tables.parse import parse

    return ["--target-ms", share * milliseconds(parse(TABLE))]


def test_a_run_and_again(asked: list[object], tmp_path: Path, command: Command) -> None:
    result = command(*asked, *target(0.88))
    assert result.code == 0, result.err
    assert "target " in result.out
    assert f"weights   {tmp_path / 'n' / 'final.safetensors'}" in result.out
    again = command(*asked, *target(0.88), "--json")
    told = json.loads(again.out)
    assert [step["number"] for step in told["steps"]] == list(range(len(told["steps"])))
    assert told["ms"] <= 0.88 * told["seed_ms"]
    assert all(step["reduction"] >= 0.09 for step in told["steps"][1:])
    journal = tmp_path / "n" / "proposals.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"step": 1, "si')
    number = len(journal.read_bytes().splitlines())
    again = command(*asked, *target(0.88), "--json")
    assert f"{journal}: skipped damaged lines {number}\n" in again.err
    compiled = command("describe", told["table"], "--json")
    assert json.loads(compiled.out)["params"] > 0
    assert "or --restart" in command(*asked, *target(0.9)).err
    assert command(*asked, *target(0.9), "--restart").code == 0
    command(*asked, *target(0.9), "--restart", "-o", tmp_path).refused("folder of a NetAdapt run")


def test_a_target_that_asks_for_nothing(asked: list[object], command: Command) -> None:
    result = command(*asked, *target(2))
    assert result.code == 0, result.err
    assert "already; nothing is shrunk" in result.err
    told = json.loads(command(*asked, *target(2), "--json").out)
    assert [step["number"] for step in told["steps"]] == [0]


def test_what_is_refused(asked: list[object], tmp_path: Path, command: Command) -> None:
    cases: list[tuple[list[object], str]] = [
        (target(0.01), "what the smallest network on the way takes"),
        ([*target(0.8), "--device", "emulator"], "an emulator takes no times"),
        ([*target(0.8), "--latency", "tables"], "nearest:  table"),
        ([*target(0.8), "--hold-out", "0.01"], "too few pictures"),
        ([*target(0.8), "--classes", "2"], "a label that is no class of the network"),
        ([*target(0.8), "--weights", tmp_path / "no.safetensors"], "no such weights file"),
    ]
    for more, words in cases:
        result = command(*asked, *more)
        assert (result.code, words in result.err) == (2, True), result.err
        assert not (tmp_path / "n").exists()


def test_a_lost_device_is_no_loss(
    asked: list[object], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnv3gen.errors import DeviceLostError
    from mnv3gen.search import measured

    def lost(self: Any, before: Network, after: Network, rounds: int, error: float) -> Paired:
        raise DeviceLostError("local", "gone")

    monkeypatch.setattr(measured.MeasuredLatency, "compare", lost)
    result = command(*asked, *target(0.88))
    assert result.code == 1
    assert "the same command goes on from here" in result.err

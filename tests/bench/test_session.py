"""Turns, ratios and failures, with runners that take the time they are told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnv3gen import __version__
from mnv3gen.bench.environments import Environment
from mnv3gen.bench.peers import PEERS
from mnv3gen.bench.rows import as_dictionary, peak_rate, ratio, rows_of
from mnv3gen.bench.session import Contestant, Entrant, Session, Settings, Timed, choose_cpu
from mnv3gen.bench.worker import RunnerError
from mnv3gen.errors import InputError

SUBJECT: Any = SimpleNamespace(name="a_network", madds=6_000_000)


class FakeWorker:
    """Takes so many milliseconds a run, twice that for the first two of a block."""

    def __init__(self, name: str, ms: float, turns: list[str], fails_at: int = -1) -> None:
        self.name = name
        self.ms = ms
        self.turns = turns
        self.fails_at = fails_at

    def ask(self, do: str, runs: int) -> dict[str, Any]:
        assert do == "time"
        if self.turns.count(self.name) == self.fails_at:
            raise RunnerError(f"{self.name} ended by SIGSEGV")
        self.turns.append(self.name)
        spans = [2 * self.ms] * 2 + [self.ms] * (runs - 2)
        return {"nanoseconds": [int(span * 1e6) for span in spans]}


def contestant(name: str, ms: float, turns: list[str], fails_at: int = -1) -> Contestant:
    worker: Any = FakeWorker(name, ms, turns, fails_at)
    environment = Environment(PEERS[name], "python", "9.8", "here") if name in PEERS else None
    entrant = Entrant(name, SUBJECT, environment, Path())
    return Contestant(
        worker, entrant=entrant, max_error=1e-6, memory_bytes=3 << 20, binary_bytes=5 << 20
    )


def session(turns: list[str], rounds: int = 3, **fails_at: int) -> Session:
    """Ours with 4 ms, onnxruntime with 5 and litert with 8; a loop of a million takes 0.1."""
    worker: Any = FakeWorker("peak", 0.1, turns)
    made = Session(Settings(block=5, rounds=rounds), Timed(worker), peak_madds=1_000_000)
    for name, ms in {"mnv3gen": 4.0, "litert": 8.0, "onnxruntime": 5.0}.items():
        made.contestants.append(contestant(name, ms, turns, fails_at.get(name, -1)))
    return made


def test_turns_are_rotated_and_their_first_runs_dropped() -> None:
    turns: list[str] = []
    made = session(turns)
    made.measure()
    assert turns == [
        *("mnv3gen", "litert", "onnxruntime", "peak"),
        *("litert", "onnxruntime", "peak", "mnv3gen"),
        *("onnxruntime", "peak", "mnv3gen", "litert"),
    ]
    assert [each.times for each in made.contestants] == [[4.0] * 9, [8.0] * 9, [5.0] * 9]


def test_rows() -> None:
    made = session([])
    made.measure()
    rows = rows_of(made)
    assert [row.runner for row in rows] == ["mnv3gen", "onnxruntime", "litert"]
    assert [row.version for row in rows] == [__version__, "9.8", "9.8"]
    # A million in 0.1 ms are 10 a nanosecond; 6 million then take 0.6 ms at least, and took 4.
    assert peak_rate(made) == pytest.approx(1e10)
    assert [row.peak_fraction for row in rows] == pytest.approx([0.6 / 4, 0.6 / 5, 0.6 / 8])
    assert [row.ratio_to_fastest_peer for row in rows] == pytest.approx([4 / 5, 1, 8 / 5])
    assert [ratio(row, rows) for row in rows] == pytest.approx([1, 4 / 5, 4 / 8])


def test_a_row_as_json() -> None:
    made = session([])
    made.measure()
    assert as_dictionary(rows_of(made)[0]) == {
        "network": "a_network",
        "runner": "mnv3gen",
        "runs": 9,
        "min_ms": 4.0,
        "p10_ms": 4.0,
        "median_ms": 4.0,
        "spread": 0.0,
        "version": __version__,
        "peak_fraction": pytest.approx(0.15),
        "max_error": 1e-6,
        "memory_bytes": 3 << 20,
        "binary_bytes": 5 << 20,
        "ratio_to_fastest_peer": pytest.approx(0.8),
    }


def test_ours_alone_has_no_ratio() -> None:
    made = session([])
    made.contestants = made.contestants[:1]
    made.measure()
    (row,) = rows_of(made)
    assert row.ratio_to_fastest_peer is None


def test_a_peer_that_ends_is_left_out() -> None:
    turns: list[str] = []
    made = session(turns, litert=1)
    made.measure()
    assert made.failures == {"litert": "litert ended by SIGSEGV"}
    assert turns.count("litert") == 1
    assert [row.runner for row in rows_of(made)] == ["mnv3gen", "onnxruntime"]
    assert all(len(each.times) == 9 for each in made.contestants)


def test_ours_must_not_end() -> None:
    made = session([], mnv3gen=1)
    with pytest.raises(RunnerError, match="mnv3gen ended by SIGSEGV"):
        made.measure()


def test_only_whole_rounds_count() -> None:
    made, rounds = session([]), iter(range(3))

    def interrupt() -> None:
        if next(rounds) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.measure(interrupt)
    assert [row.times.runs for row in rows_of(made)] == [6, 6, 6]


def test_nothing_measured_gives_no_rows() -> None:
    assert rows_of(session([])) == []


def test_rounds_from_seconds() -> None:
    made = session([])
    made.settings = Settings(block=8, seconds=2.0)
    for each, ms in zip(made.timed, (4.0, 8.0, 5.0, 0.5), strict=True):
        each.run_ms = ms
    assert made.rounds == 14  # 8 times 17.5 ms are 0.14 s
    made.settings = Settings(block=8, seconds=0.1)
    assert made.rounds == 3


def test_warm_up() -> None:
    turns: list[str] = []
    each = contestant("litert", 8.0, turns)
    each.warm_up(0.16)  # two runs of 16 ms, then as many as 16 ms go into 160
    assert each.run_ms == 8.0
    assert turns == ["litert"] * 2


def test_a_processor_that_is_not_there() -> None:
    assert choose_cpu(choose_cpu(None)) == choose_cpu(None)
    with pytest.raises(InputError) as caught:
        choose_cpu(1 << 20)
    assert (caught.value.place, caught.value.found) == ("--cpu", 1 << 20)

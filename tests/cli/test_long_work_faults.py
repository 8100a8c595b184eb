"""A fault at each single write of a training, a tuning and a latency table; see `test_faults.py`.

What was there before is there afterwards; the same command then goes on, and is right.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from support.command import Finished
from support.compiled import TINY
from support.faults import build_faults, content_of
from support.forked import Forks, forking
from support.training import TABLE, write_recipe, write_stripes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="by LD_PRELOAD")

EVERY = "MNV3GEN_EVERY_FAULT"  # set: each event, not a few
FEW = 6
KINDS = {"full": 1, "kill": -9}
SMALLER = TINY.replace("bneck, 3x3         16     8   -  RE  1\n", "")


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that fails writes."""
    return build_faults(tmp_path_factory.mktemp("faults"))


class Work:
    """A command whose files are all below one folder; `before` is what the folder has first."""

    def __init__(
        self, forks: Forks, place: Path, words: list[object], environment: Mapping[str, object]
    ) -> None:
        self.forks, self.place, self.words = forks, place, words
        self.environment = environment
        self.out, self.before = place / "out", place / "before"

    def begin(self) -> None:
        """Have the folder as it was."""
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.copytree(self.before, self.out)

    def run(self, kind: str = "full", at: int = 0) -> Finished:
        """Run the command, with a fault if `at` is its number."""
        count = self.place / "count"
        count.write_bytes(b"")
        own = {"FAULT_FOLDER": self.out, "FAULT_COUNT": count, "FAULT_KIND": kind, "FAULT_AT": at}
        return self.forks.run(self.words, {**self.environment, **own})

    def events(self) -> list[int]:
        """The numbers of the faults to try, after a run without one: at equal distances."""
        self.begin()
        result = self.run()
        assert result.code == 0, result.err
        count = len((self.place / "count").read_bytes())
        assert count >= FEW
        step = 1 if os.environ.get(EVERY) else -(-count // FEW)
        return list(range(1, count + 1, step))

    def faulty(self) -> Iterator[tuple[str, int, Finished]]:
        """Each fault in turn, each from the same folder."""
        for at in self.events():
            for kind, code in KINDS.items():
                self.begin()
                result = self.run(kind, at)
                if len((self.place / "count").read_bytes()) < at:
                    assert result.code == 0  # what was noisy before was measured once
                    continue
                assert result.code == code, (at, kind, result.err)
                assert "Traceback" not in result.err, result.err
                yield kind, at, result


@pytest.mark.torch
def test_training(tmp_path: Path, faults: Path) -> None:
    """Whole weights at any time; going on ends with those of a run that had no fault."""
    pytest.importorskip("torch")
    from mnv3gen.graph.weights import load_tensors
    from mnv3gen.train.state import read_state, read_tensors

    (tmp_path / "little.bneck").write_text(TABLE, encoding="utf-8")
    data, recipe = write_stripes(tmp_path / "x.npz", 64, 32), write_recipe(tmp_path / "r.toml")
    words: list[object] = ["train", tmp_path / "little.bneck", "--data", data, "--recipe", recipe]
    words += ["--epochs", 2, "--threads", 1, "--workers", 0, "-o", tmp_path / "out"]
    modules = ("torch._dynamo", "mnv3gen.train.session", "matplotlib.backends.backend_agg")
    with forking(faults, tmp_path, *modules) as forks:
        work = Work(forks, tmp_path, words, {})
        (tmp_path / "before").mkdir()
        work.events()
        whole, last = content_of(work.out), load_tensors(work.out / "last.safetensors")
        for kind, at, _ in work.faulty():
            found = content_of(work.out)
            for name in ("network.bneck", "labels.txt"):
                assert found.get(name) in (None, whole[name])
            for name in ("best.safetensors", "last.safetensors"):
                assert name not in found or load_tensors(work.out / name)
            state = read_state(work.out)
            assert state is None or read_tensors(work.out, state)
            if kind == "full":
                assert not [path for path in work.out.iterdir() if path.name.startswith(".")]
            assert work.run().code == 0, at
            ended = load_tensors(work.out / "last.safetensors")
            assert ended.keys() == last.keys()
            for name, values in ended.items():
                np.testing.assert_array_equal(values, last[name])


@pytest.mark.compile
def test_tuning(tmp_path: Path, faults: Path) -> None:
    """No measurement is lost but the one that could not be written; logs are whole."""
    from mnv3gen.compile.tuned import read_log

    (tmp_path / "tiny.bneck").write_text(TINY)
    (tmp_path / "smaller.bneck").write_text(SMALLER)
    words = ["tune", tmp_path / "tiny.bneck", "--minutes", 0, "--json"]
    cache = {"MNV3GEN_CACHE": tmp_path / "out"}
    with forking(faults, tmp_path, "support.tuned_quickly") as forks:
        work = Work(forks, tmp_path, words, cache)
        earlier = ["tune", tmp_path / "smaller.bneck", "--minutes", 0]
        forks.warm(earlier, {"MNV3GEN_CACHE": work.before})
        log, trials = (Path("tuning", "host", name) for name in ("records.jsonl", "trials.jsonl"))
        old, measured = read_log(work.before / log), (work.before / trials).read_bytes()
        work.events()
        new = read_log(work.out / log)
        assert len(new) > len(old) > 0
        for _kind, at, _ in work.faulty():
            assert read_log(work.out / log) in (old, new)
            assert (work.out / trials).read_bytes().startswith(measured)
            again = work.run()
            _reported(again, work.out / trials)
            assert again.json["measured"] == len(new), at
            assert read_log(work.out / log) == new


@pytest.mark.compile
def test_latency_table(tmp_path: Path, faults: Path) -> None:
    """The same of a device's records, and of the table that is written of them."""
    from mnv3gen.measure.records import read_records

    (tmp_path / "tiny.bneck").write_text(TINY)
    (tmp_path / "smaller.bneck").write_text(SMALLER)
    more = ["--runs", 3, "--json", "-o"]
    words = ["latency-table", tmp_path / "tiny.bneck", *more, tmp_path / "out" / "table"]
    earlier = ["latency-table", tmp_path / "smaller.bneck", *more, tmp_path / "before" / "table"]
    with forking(faults, tmp_path) as forks:
        work = Work(forks, tmp_path, words, {"MNV3GEN_RECORDS": tmp_path / "out" / "records"})
        forks.warm(earlier, {"MNV3GEN_RECORDS": work.before / "records"})
        records = Path("records", "local", "records.jsonl")
        old = (work.before / records).read_bytes()
        work.events()
        kernels = read_records(work.out / records).by_key.keys()
        for _kind, at, _ in work.faulty():
            assert (work.out / records).read_bytes().startswith(old)
            again = work.run()
            _reported(again, work.out / records, (work.out / records).with_name("plans.jsonl"))
            assert again.json["measured"] == len(kernels), at
            assert read_records(work.out / "table" / records.name).by_key.keys() == kernels


def _reported(result: Finished, *paths: Path) -> None:
    """A line that is none was told of, and each file has one at most."""
    for path in paths:
        _reported_of(result, path)


def _reported_of(result: Finished, path: Path) -> None:
    damaged = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            json.loads(line)
        except ValueError:
            damaged.append(number)
    assert len(damaged) <= 1
    said = [f"{path}: skipped damaged lines {number}" for number in damaged]
    assert all(each in result.err for each in said)

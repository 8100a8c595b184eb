"""The upkeep of logs: what is wrong with one, what is dropped, what is merged."""

from __future__ import annotations

from pathlib import Path

from support.tuning import record

from mnv3gen.compile.schedules import generators
from mnv3gen.compile.tuned import FILE, encode_log, read_log
from mnv3gen.tune.logs import merged, outdated, problems, pruned, write_log

VERSION = next(it.version for it in generators() if it.name == "pointwise")


def test_a_whole_log_has_no_problems(tmp_path: Path) -> None:
    write_log(tmp_path / FILE, [record(kernel="b", version=VERSION), record(version=VERSION)])
    assert list(problems(tmp_path / FILE)) == []
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_problems_are_named(tmp_path: Path) -> None:
    path = tmp_path / FILE
    lines = [record(kernel="b", version=VERSION), record(kernel="a", version=VERSION - 1)]
    path.write_bytes(b"".join(encode_log([line]) for line in lines))
    unsorted, old = problems(path)
    assert "not sorted" in unsorted
    assert f"{path}:2" in old and f"the record of {VERSION - 1}" in old


def test_outdated() -> None:
    assert outdated(record(version=VERSION)) is None
    assert outdated(record(schedule="gone")) == "there is no schedule gone"


def test_pruning_keeps_the_better_of_two() -> None:
    better = record(median_us=90.0, rule_us=100.0, version=VERSION)
    worse = record(median_us=80.0, rule_us=85.0, version=VERSION)
    old = record(kernel="b", version=VERSION - 1)
    assert pruned([worse, better, old]) == ([better], [old, worse]) or pruned(
        [worse, better, old]
    ) == ([better], [worse, old])


def test_the_new_takes_the_place_of_the_old() -> None:
    old, other, new = record(seed=1), record(kernel="b"), record(seed=2)
    assert merged([old, other], [new]) == [new, other]


def test_a_log_survives_its_rewriting(tmp_path: Path) -> None:
    write_log(tmp_path / FILE, [record()])
    write_log(tmp_path / FILE, merged(read_log(tmp_path / FILE), [record(kernel="b")]))
    assert len(read_log(tmp_path / FILE)) == 2

"""The upkeep of logs: what is wrong with one, what is dropped, what is merged."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tuning import record

from mnv3gen.compile.log_lines import encode_lines
from mnv3gen.compile.schedules import generators
from mnv3gen.compile.tuned import FILE, read_log
from mnv3gen.tune.logs import merged, outdated, problems, pruned, write_log
from mnv3gen.tune.trials import Trial, Trials

VERSION = next(it.version for it in generators() if it.name == "pointwise")


def test_a_whole_log_has_no_problems(tmp_path: Path) -> None:
    write_log(tmp_path / FILE, [record(kernel="b", version=VERSION), record(version=VERSION)])
    assert list(problems(tmp_path / FILE)) == []
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_problems_are_named(tmp_path: Path) -> None:
    path = tmp_path / FILE
    lines = [record(kernel="b", version=VERSION), record(kernel="a", version=VERSION - 1)]
    path.write_bytes(b"".join(encode_lines([line]) for line in lines))
    unsorted, old = problems(path)
    assert "not sorted" in unsorted
    assert f"{path}:2" in old and f"the record of {VERSION - 1}" in old


def test_outdated() -> None:
    assert outdated(record(version=VERSION), {}) is None
    assert outdated(record(schedule="gone"), {}) == "there is no schedule gone"


def test_parameters_outside_of_the_space() -> None:
    known = record(version=VERSION, parameters={"vectors": 2, "rows": 5})
    spaces = {known.key: {"vectors": (1, 2), "rows": (0, 5)}}
    assert outdated(known, spaces) is None
    for parameters in ({"vectors": 3, "rows": 5}, {"vectors": 2}, {**known.parameters, "more": 1}):
        other = record(version=VERSION, parameters=parameters)
        assert "cannot have the parameters" in str(outdated(other, spaces))
    assert outdated(record(version=VERSION, core="another", parameters={}), spaces) is None


def test_pruning_keeps_the_better_of_two() -> None:
    better = record(median_us=90.0, rule_us=100.0, version=VERSION)
    worse = record(median_us=80.0, rule_us=85.0, version=VERSION)
    old = record(kernel="b", version=VERSION - 1)
    assert pruned([worse, better, old], {}) == ([better], [worse, old])


def test_a_record_of_another_core_is_no_duplicate(tmp_path: Path) -> None:
    both = [record(version=VERSION, core="another"), record(version=VERSION)]
    assert pruned(both, {}) == (both, [])
    write_log(tmp_path / FILE, both)
    assert list(problems(tmp_path / FILE)) == []


@pytest.fixture
def none(tmp_path: Path) -> Trials:
    return Trials(tmp_path / "trials.jsonl", record().core)


def test_a_better_one_takes_the_place_of_the_old(none: Trials) -> None:
    old, other = record(median_us=90.0, rule_us=100.0), record(kernel="b")
    new = record(median_us=44.0, rule_us=50.0)
    assert merged([old, other], [new], none) == [new, other]


def test_what_was_only_measured_by_rule_replaces_nothing(none: Trials) -> None:
    old, new = record(median_us=90.0, rule_us=100.0), record(median_us=60.0, rule_us=60.0)
    assert merged([old], [new], none) == [old]


def test_what_was_tried_again_is_believed(none: Trials) -> None:
    """The old one's parameters were among the trials and are not the best any more."""
    old = record(median_us=50.0, rule_us=100.0)
    new = record(median_us=90.0, rule_us=100.0, parameters={"vectors": 1, "rows": 0, "block": 0})
    none.add(
        Trial(kernel=old.kernel, schedule=old.schedule, version=old.version, core=old.core,
              parameters=old.parameters, median_us=95.0, rule_us=100.0)
    )  # fmt: skip
    assert merged([old], [new], none) == [new]


def test_a_new_version_replaces_whatever_its_time(none: Trials) -> None:
    old, new = record(median_us=50.0, rule_us=100.0, version=1), record(version=2)
    assert merged([old], [new], none) == [new]


def test_a_log_survives_its_rewriting(tmp_path: Path, none: Trials) -> None:
    write_log(tmp_path / FILE, [record()])
    write_log(tmp_path / FILE, merged(read_log(tmp_path / FILE), [record(kernel="b")], none))
    assert len(read_log(tmp_path / FILE)) == 2

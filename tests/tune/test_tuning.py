"""A small tuning run, and every committed record once more."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest

from mnv3gen.compile.tuned import core_of, read_log
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import get, names
from mnv3gen.targets import load
from mnv3gen.tune.kernels import Candidate, Data, Task, build
from mnv3gen.tune.logs import logs, problems, records_of
from mnv3gen.tune.ranking import combinations
from mnv3gen.tune.session import Session
from mnv3gen.tune.tasks import listed, tasks_of
from mnv3gen.tune.trials import Trials

pytestmark = pytest.mark.compile

TABLE = "input: 12x12x8\nbneck, 3x3  24  8  -  HS  1\nconv2d, 1x1  -  16  -  RE  1"
SAMPLE = 24  # of the committed records, rebuilt and run


def test_a_run_finds_right_kernels(tmp_path: Path) -> None:
    target = load("host")
    session = Session(
        networks=[listed(parse(TABLE), target)],
        target=target,
        trials=Trials(tmp_path / "trials.jsonl", core_of(target)),
        folder=tmp_path,
        madds_per_us=50_000.0,
    )
    session.run(minutes=0.15)
    records = records_of(session)
    assert {record.kernel for record in records} == {name for name, _ in session.tasks}
    for record in records:
        task = session.tasks[record.kernel, record.schedule]
        assert record.parameters in combinations(task.schedule.space(task.group, target.core))
    together = [record for record in records if record.schedule == "expand_depthwise"]
    assert together and all(record.apart_us > 0 for record in together)
    again = Trials(tmp_path / "trials.jsonl", core_of(target))
    assert sum(1 for _ in again.all()) == sum(1 for _ in session.trials.all())


@pytest.fixture(scope="module")
def zoo() -> dict[tuple[str, str], Task]:
    """Every task of every network of the zoo for the host."""
    target = load("host")
    return tasks_of([listed(get(name), target) for name in names()])


@pytest.mark.skipif("host" not in logs(), reason="no committed log of the host")
def test_committed_records(zoo: dict[tuple[str, str], Task], tmp_path: Path) -> None:
    """Each is of a kernel of the zoo and within its space; a sample computes right values."""
    path = logs()["host"]
    assert list(problems(path)) == []
    target = load("host")
    records = read_log(path)
    usable = [record for record in records if record.core == core_of(target)]
    if not usable:
        pytest.skip("the records are of another core than this")
    candidates = []
    for record in usable:
        task = zoo[record.kernel, record.schedule]
        assert record.parameters in combinations(task.schedule.space(task.group, target.core))
        candidates.append(Candidate(task, record.parameters))
    sample = random.Random(0).sample(candidates, min(SAMPLE, len(candidates)))  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        data = [Data(candidate.task.group, 1) for candidate in sample]
        for runnable in build(sample, data, target, Path(folder)):
            assert runnable.is_right(), runnable.candidate

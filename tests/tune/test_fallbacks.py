"""MetaSchedule beside the rule: what is kept, what is committed, what was wrong."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.searched import line, searched

from mnv3gen.compile.metaschedule import Entry, folder_of, read_entries, write_entries
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load
from mnv3gen.tune import fallbacks as module
from mnv3gen.tune.fallbacks import Fallbacks, commit_entries
from mnv3gen.tune.start import session_of
from mnv3gen.tune.timing import Timing

pytestmark = pytest.mark.compile

TABLE = "name: naive\ninput: 6x6x8\nhswish: naive\nconv2d, 1x1  -  16  -  HS  1"
CLIP = "clip_6x6x16_6x6x16_f32"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without records."""
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_slower_than_the_rule_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the rule is always at 10 us, one kernel's candidates at 8, those of others at 9.95."""
    with session_of([parse(TABLE)], load("host")) as session:
        fallbacks = Fallbacks(session)
        assert len(fallbacks.waiting) == 3 and CLIP in fallbacks.waiting
        timed = fallbacks._timed

        def times(kernel: module.Fallback, functions: list[object], rounds: int = 1) -> object:
            assert None not in timed(kernel, functions, rounds)  # all compute the same
            own = 8.0 if kernel.step.group.name == CLIP else 9.95
            return [Timing(it, it, 0.0) for it in [10.0, *[own] * (len(functions) - 1)]]

        monkeypatch.setattr(fallbacks, "_timed", times)
        fallbacks.run(time.monotonic() + 600)
        assert fallbacks.waiting == fallbacks.failed == []
        entries = {entry.record.kernel: entry for entry in read_entries(fallbacks.folder)}
        assert [name for name, entry in entries.items() if entry.record.better] == [CLIP]
        assert (entries[CLIP].record.median_us, entries[CLIP].record.rule_us) == (8.0, 10.0)
        assert Fallbacks(session).waiting  # what the session knew when it began

    with session_of([parse(TABLE)], load("host")) as session:
        assert Fallbacks(session).waiting == []
    with session_of([parse(TABLE)], load("host"), fresh=True) as session:
        assert len(Fallbacks(session).waiting) == 3


def test_no_time_is_left() -> None:
    with session_of([parse(TABLE)], load("host")) as session:
        fallbacks = Fallbacks(session)
        fallbacks.run(time.monotonic() - 1)
        assert len(fallbacks.waiting) == 3 and read_entries(fallbacks.folder) == []


def test_a_function_of_other_values_is_not_timed() -> None:
    with session_of([parse(TABLE)], load("host")) as session:
        fallbacks = Fallbacks(session)
        clip = fallbacks.kernels[CLIP]
        assert fallbacks._timed(clip, [clip.function, clip.function])[1] is not None
        assert fallbacks._timed(clip, [clip.function, _doubled()])[1] is None


def _doubled() -> object:
    """A function of the clip's parameters that computes something else."""
    from tvm import te

    data = te.placeholder((1, 6, 6, 16), "float32")
    return te.create_prim_func([data, te.compute(data.shape, lambda *place: data[place] * 2.0)])


def test_committing_keeps_what_is_further_ahead(tmp_path: Path) -> None:
    with session_of([parse(TABLE)], load("host")) as session:
        fallbacks = Fallbacks(session)
        names = sorted(fallbacks.kernels)
        better, worse, stays = (
            line(searched(kernel=name, workload=str(number), median_us=median))
            for number, (name, median) in enumerate(zip(names, (5.0, 9.0, 7.0), strict=True))
        )
        write_entries(fallbacks.folder, [better, worse, line(searched(kernel="of another"))])
        committed = folder_of(tmp_path / "host", fallbacks.core)
        before = [
            line(searched(kernel=names[1], workload="1", median_us=6.0)),
            line(searched(kernel=names[0], workload="0", median_us=6.0)),
            Entry(stays.record, stays.workload, stays.trace),
        ]
        write_entries(committed, before)
        commit_entries(fallbacks, tmp_path / "host")
        assert read_entries(committed) == [better, before[0], stays]

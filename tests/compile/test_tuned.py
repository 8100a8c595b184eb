"""Tuning records: reading, matching and the order of folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from support.tuning import record

from mnv3gen.compile.log_lines import encode_lines
from mnv3gen.compile.tuned import (
    FILE,
    core_of,
    load_tuned,
    own_folder,
    read_log,
)
from mnv3gen.errors import InputError
from mnv3gen.targets import load


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bytes], Path]:
    """Writes a log of the host into a folder of MNV3GEN_PATH or into the user's own."""
    monkeypatch.setenv("MNV3GEN_PATH", str(tmp_path / "path"))
    monkeypatch.setenv("MNV3GEN_CACHE", str(tmp_path / "cache"))

    def written(where: str, content: bytes) -> Path:
        folder = own_folder() if where == "own" else tmp_path / "path" / "tuning_logs"
        (folder / "host").mkdir(parents=True, exist_ok=True)
        (folder / "host" / FILE).write_bytes(content)
        return folder / "host" / FILE

    return written


def test_a_log_is_read_as_it_was_written(write: Callable[[str, bytes], Path]) -> None:
    records = [record(kernel="b"), record(kernel="a"), record(kernel="a", schedule="other")]
    path = write("path", encode_lines(records))
    assert [(it.kernel, it.schedule) for it in read_log(path)] == [
        ("a", "other"),
        ("a", "pointwise"),
        ("b", "pointwise"),
    ]
    assert set(map(msgspec.json.encode, read_log(path))) == set(map(msgspec.json.encode, records))


def test_the_users_own_records_come_first(write: Callable[[str, bytes], Path]) -> None:
    write("path", encode_lines([record(kernel="a", seed=1), record(kernel="b", seed=1)]))
    write("own", encode_lines([record(kernel="a", seed=2)]))
    found = load_tuned(load("host")).records
    assert {kernel: it.seed for (kernel, _), it in found.items() if kernel in "ab"} == {
        "a": 2,
        "b": 1,
    }


def test_records_of_another_core_are_not_used(write: Callable[[str, bytes], Path]) -> None:
    write("own", encode_lines([record(kernel="a", core="x86_64 another, 32 x 512 bit")]))
    assert ("a", "pointwise") not in load_tuned(load("host")).records


def test_a_damaged_line_is_named(write: Callable[[str, bytes], Path]) -> None:
    path = write("own", encode_lines([record()]) + b'{"kernel": 3}\n')
    with pytest.raises(InputError) as caught:
        read_log(path)
    assert f"{path}:2" in str(caught.value)


def test_a_missing_log_has_no_records(tmp_path: Path) -> None:
    assert read_log(tmp_path / FILE) == []


def test_the_core_does_not_depend_on_the_clock() -> None:
    target = load("rpi4")
    faster = msgspec.structs.replace(
        target, core=msgspec.structs.replace(target.core, clock_mhz=2000)
    )
    assert core_of(faster) == core_of(target)
    assert core_of(target) == "aarch64 cortex-a72, 32 x 128 bit, 32+1024+0 KiB"

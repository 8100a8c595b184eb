"""Records: what is written is there again, whatever happened to the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from support.command import Finished

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.group import Group
from mnv3gen.measure.protocol import Protocol, State, Times
from mnv3gen.measure.records import FILE, Record, Records, records_folder

Command = Callable[..., Finished]


def record(name: str = "conv", ms: float = 1.0, noisy: bool = False, **fields: object) -> Record:
    """A kernel's record."""
    kernel = Kernel("conv", (4, 4, 8), (4, 4, 16), epilogue=("bias", "relu"))
    own = Record(
        kind="kernel",
        name=name,
        target="rpi4",
        core="aarch64 cortex-a72",
        device="pi",
        bundle="0123456789abcdef",
        protocol=Protocol(cpu=3),
        times={"cold": Times(ms, ms, ms, 15), "small_cold": Times(ms, ms, ms, 15)},
        noisy=noisy,
        attempts=1,
        before=State(khz=1500000),
        after=State(),
        group=Group((kernel,), ((-1,),), (0,)),
        schedule="pointwise",
        parameters={"vectors": 4},
    )
    return msgspec.structs.replace(own, **fields)


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    records = Records(tmp_path / FILE)
    records.add(record())
    records.add(record("other"))
    again = Records(tmp_path / FILE)
    assert list(again.by_key.values()) == [record(), record("other")]
    group = again.by_key[record().key].group
    assert group is not None and group.kernels[0].name == "conv1x1_4x4x8_4x4x16_bias_relu_f32"


def test_of_equal_keys_the_last_counts(tmp_path: Path) -> None:
    records = Records(tmp_path / FILE)
    records.add(record(ms=1.0))
    records.add(record(ms=2.0))
    records.add(record(ms=3.0, protocol=Protocol(cpu=0)))
    medians = [it.times["cold"].median_ms for it in Records(tmp_path / FILE).by_key.values()]
    assert medians == [2.0, 3.0]


def test_damaged_lines_are_told_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / FILE
    Records(path).add(record())
    good = path.read_bytes()
    other = msgspec.json.encode(record("other"))
    path.write_bytes(b"\xff\xfe\n" + good + b'{"kind": "kernel"}\n' + other[: len(other) // 2])
    records = Records(path)
    assert records.damaged == [1, 3, 4]
    assert list(records.by_key.values()) == [record()]
    records.add(record("new"))  # not onto the half line that a kill left
    assert [it.name for it in Records(path).by_key.values()] == ["conv", "new"]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a device called `pi`."""
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path / "records"))
    path = records_folder("pi") / FILE
    records = Records(path)
    for each in (record(ms=1.0), record(ms=2.0), record("noisy", noisy=True)):
        records.add(each)
    return path


def test_they_are_listed(stored: Path, command: Command) -> None:
    assert command("records", "list", "--json").json == [
        {"device": "pi", "kernel": 2, "network": 0, "damaged": 0}
    ]
    listed = command("records", "list", "pi", "--json").json
    assert [(it["name"], it["noisy"]) for it in listed] == [("conv", False), ("noisy", True)]
    lines = command("records", "list", "pi").out.splitlines()
    assert lines[1].split()[:2] == ["2.0000", "0.0%"]
    assert " noisy " in lines[2]


def test_they_are_pruned(stored: Path, command: Command) -> None:
    assert "1 of 3 lines dropped" in command("records", "prune", "pi").out
    assert "1 of 2 lines dropped" in command("records", "prune", "pi", "--noisy").out
    assert [it.times["cold"].median_ms for it in Records(stored).journal.entries] == [2.0]


def test_they_are_merged(stored: Path, command: Command, tmp_path: Path) -> None:
    other = tmp_path / "theirs.jsonl"
    for each in (record(ms=2.0), record("theirs")):
        Records(other).add(each)
    assert command("records", "merge", "pi", other).out.startswith("1 records added")
    assert [it.name for it in Records(stored).by_key.values()] == ["conv", "noisy", "theirs"]


def test_a_device_without_records(stored: Path, command: Command) -> None:
    command("records", "list", "emulator").refused("no records", "expected: a records.jsonl")
    command("records", "list", "pie").refused("no such device")
    command("records", "merge", "pi", stored.parent / "nothing").refused("no records")

"""`Record`: one measurement, and the files of them, which only grow."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from mnv3gen.devices.device import NAME
from mnv3gen.errors import InputError
from mnv3gen.generate.group import Group
from mnv3gen.journal import Journal
from mnv3gen.measure.protocol import Protocol, State, Times

Key: TypeAlias = tuple[str, str, str, str, str]
FILE = "records.jsonl"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kernel or a whole network on a device.

    `bundle` is the hash of what was run: the schedule, its parameters and all that the code depends
    on. `times` has a network's as "run", a kernel's with its weights far away as "cold", and as
    "near" with its weights in the caches; as "small_cold" and "small_near" what they are in a small
    network. `group`, `schedule` and `parameters` say what a kernel is
    to the learned model, `table` what a network is. `noisy` marks what stayed beyond the protocol's
    limits.
    """

    kind: Literal["kernel", "network"]
    name: str
    target: str
    core: str
    device: str
    bundle: str
    protocol: Protocol
    times: dict[str, Times]
    noisy: bool
    attempts: int
    before: State
    after: State
    group: Group | None = None
    schedule: str = ""
    parameters: dict[str, int] = {}
    table: str = ""
    version: str = ""
    date: str = ""

    @property
    def key(self) -> Key:
        """What a measurement is of; of equal keys the last one counts."""
        return self.name, self.target, self.device, self.bundle, self.protocol.key


def records_folder(device: str) -> Path:
    """Where a device's records are kept; MNV3GEN_RECORDS names another folder of all devices."""
    from platformdirs import user_data_path

    assert NAME.fullmatch(device), device
    named = os.environ.get("MNV3GEN_RECORDS")
    return (Path(named) if named else user_data_path("mnv3gen") / "records") / device


class Records:
    """The records of a file, by key; `damaged` has the numbers of lines that are none."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path, Record)
        self.by_key = {record.key: record for record in self.journal.entries}

    @property
    def damaged(self) -> list[int]:
        """The lines that were skipped."""
        return self.journal.damaged

    def add(self, record: Record) -> None:
        """Write a record down; it is on the disk when this returns."""
        self.journal.add(record)
        self.by_key[record.key] = record

    def of_kind(self, kind: str) -> list[Record]:
        """Those that count, in the order in which their keys first appeared."""
        return [record for record in self.by_key.values() if record.kind == kind]


def read_records(path: Path) -> Records:
    """The records of a file that is there. InputError if it is not."""
    if not path.is_file():
        raise InputError("no records", place=str(path), expected=f"a {FILE} of mnv3gen")
    return Records(path)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write a file as a whole, to a temporary name that takes its place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        temporary.write_bytes(b"".join(msgspec.json.encode(it) + b"\n" for it in records))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

"""What TVM's MetaSchedule found for the kernels that no generator covers.

It lies in `<target>/metaschedule-<TVM's version>/<core>/` of a tuning folder: MetaSchedule ignores
target and core when it looks a function up, and its files are of the version that wrote them.
`records.jsonl` has one line a kernel that was searched; where the search beat the rule, TVM's own
`database_*.json` have the function and the trace of its schedule.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mnv3gen.errors import InputError

if TYPE_CHECKING:
    from tvm import tirx

RECORDS = "records.jsonl"
WORKLOADS, TRACES = "database_workload.json", "database_tuning_record.json"
PREFIX = "metaschedule-"


class SearchedRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of the search for a kernel; times in microseconds.

    `schedule` and `version` are those of the rule, `rule_us` its time, measured in turns with the
    best trace that was found. Only if that is `better`, it is in the database, as the schedule of
    the function `workload`, a hash; else the rule stays.
    """

    kernel: str
    schedule: str
    version: int
    better: bool
    workload: str
    median_us: float
    spread: float
    rule_us: float
    trials: int
    core: str
    machine: str
    tools: dict[str, str]
    seed: int
    date: str

    @property
    def ratio(self) -> float:
        """The time over the rule's, 1 where that stays."""
        return self.median_us / self.rule_us if self.better else 1.0


class Entry(msgspec.Struct, frozen=True):
    """A record with its lines of the database: the function, and its trace; None without one."""

    record: SearchedRecord
    workload: Any = None
    trace: Any = None


def folder_of(folder: Path, core: str) -> Path:
    """Where the records of a core lie in a target's folder, for the installed TVM."""
    return folder / version_name() / re.sub(r"[^A-Za-z0-9_+]+", "-", core).strip("-")


def version_name() -> str:
    """The folder of the installed TVM."""
    return PREFIX + importlib.metadata.version("apache-tvm")


@dataclass(frozen=True)
class Searched:
    """The records that fit a core by kernel, each with the folder that it lies in."""

    records: Mapping[str, tuple[SearchedRecord, Path]] = field(default_factory=dict)

    def find(self, kernel: str, schedule: str, version: int) -> SearchedRecord | None:
        """The record of a kernel beside the same version of its rule, or None."""
        record, _ = self.records.get(kernel, (None, None))
        if record is None or (record.schedule, record.version) != (schedule, version):
            return None
        return record

    def scheduled(self, kernel: str, function: tirx.PrimFunc, target: Any) -> tirx.PrimFunc | None:
        """A kernel's function by the trace in the database; None if there is none of this function.

        `function` is TVM's own, as it is before any schedule. InputError names a damaged file.
        """
        _, folder = self.records[kernel]
        if folder not in self._databases:
            self._databases[folder] = open_database(folder)
        try:
            module = as_workload(function)
            schedule = self._databases[folder].query_schedule(module, target, kernel)
        except Exception as error:  # a trace that was edited may fail in any way
            raise _damaged(folder / TRACES, f"cannot apply the trace of {kernel}", error) from error
        return None if schedule is None else schedule.mod["main"]

    @cached_property
    def _databases(self) -> dict[Path, Any]:
        return {}

    @property
    def fingerprint(self) -> str:
        """A hash of everything that may be used, for caches."""
        digest = hashlib.sha256()
        for record, _ in self.records.values():
            digest.update(msgspec.json.encode(record))
        for folder in sorted({folder for _, folder in self.records.values()}):
            for path in (folder / WORKLOADS, folder / TRACES):
                digest.update(path.read_bytes() if path.is_file() else b"")
        return digest.hexdigest()


def load_searched(folders: Iterable[Path], core: str) -> Searched:
    """The records of a core in the folders of a target, of which the first wins.

    The databases are opened when they are needed. InputError names a damaged line.
    """
    records: dict[str, tuple[SearchedRecord, Path]] = {}
    for folder in folders:
        own = folder_of(folder, core)
        for record in read_records(own / RECORDS):
            if record.core == core:
                records.setdefault(record.kernel, (record, own))
    return Searched(records)


def as_workload(function: tirx.PrimFunc) -> Any:
    """The module that stands for a kernel's function in a database, whatever its name."""
    import tvm

    return tvm.IRModule({"main": function.with_attr("global_symbol", "main")})


def workload_hash(function: tirx.PrimFunc) -> str:
    """What a record knows a kernel's function by."""
    from tvm_ffi import structural_hash

    return str(structural_hash(as_workload(function)) % 2**64)


def open_database(folder: Path) -> Any:
    """TVM's database of a folder. InputError names a file that is missing or damaged."""
    from tvm.s_tir.meta_schedule.database import JSONDatabase

    read_entries(folder)  # whose errors name the line
    paths = (folder / WORKLOADS, folder / TRACES)
    try:
        return JSONDatabase(*map(str, paths), allow_missing=False)
    except Exception as error:  # whatever TVM makes of what is in them
        raise _damaged(folder / WORKLOADS, f"TVM cannot read it or {TRACES}", error) from error


def read_records(path: Path) -> list[SearchedRecord]:
    """The records of a file; none if there is no such file. InputError names file and line."""
    if not path.is_file():
        return []
    return _lines(path, lambda line: msgspec.json.decode(line, type=SearchedRecord))


def read_entries(folder: Path) -> list[Entry]:
    """The records of a folder with their lines of the database, in the order of the database.

    InputError names what is damaged: a line, or a file that lacks what a record stands for.
    """
    records = read_records(folder / RECORDS)
    found = any(record.better for record in records)
    workloads: list[Any] = _lines(folder / WORKLOADS, _list_of(2)) if found else []
    traces: dict[str, Any] = {}
    for number, (index, trace) in enumerate(_lines(folder / TRACES, _list_of(2)) if found else ()):
        if not isinstance(index, int) or not 0 <= index < len(workloads):
            raise _damaged(folder / TRACES, f"line {number + 1}: no function {index}")
        traces[workloads[index][0]] = trace
    order = {workload[0]: index for index, workload in enumerate(workloads)}
    for record in records:
        if record.better and record.workload not in traces:
            raise _damaged(folder / TRACES, f"no trace of {record.kernel}")
    records.sort(key=lambda record: order.get(record.workload, len(order)))
    return [
        Entry(record, workloads[order[record.workload]], traces[record.workload])
        if record.better
        else Entry(record)
        for record in records
    ]


def write_entries(folder: Path, entries: Iterable[Entry]) -> None:
    """Write a folder's files, each as a whole.

    A database to which entries were added is whole at any moment, wherever this is stopped.
    """
    entries = list(entries)
    folder.mkdir(parents=True, exist_ok=True)
    found = [entry for entry in entries if entry.record.better]
    traces: list[Any] = [[index, entry.trace] for index, entry in enumerate(found)]
    records = sorted((entry.record for entry in entries), key=lambda record: record.kernel)
    _write(folder / WORKLOADS, [entry.workload for entry in found])
    _write(folder / TRACES, traces)
    _write(folder / RECORDS, records)


def _write(path: Path, lines: Iterable[Any]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _lines(path: Path, decode: Callable[[bytes], Any]) -> list[Any]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(path, "there is no such file beside the records") from error
    decoded = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            decoded.append(decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _damaged(Path(f"{path}:{number}"), "not a line of such a file", error) from error
    return decoded


def _list_of(count: int) -> Callable[[bytes], list[Any]]:
    def decode(line: bytes) -> list[Any]:
        found = msgspec.json.decode(line)
        if not isinstance(found, list) or len(found) != count:
            raise msgspec.DecodeError(f"not a list of {count}")
        return found

    return decode


def _damaged(path: Path, problem: str, error: Exception | None = None) -> InputError:
    lines = str(error).strip().splitlines() if error else []
    return InputError(
        f"{problem}: {lines[-1][:200]}" if lines else problem,
        place=str(path),
        expected="what `mnv3gen tune` writes; remove the folder to tune its kernels anew",
    )

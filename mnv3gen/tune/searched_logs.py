"""The upkeep of MetaSchedule's records in the committed folders."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from mnv3gen import resources
from mnv3gen.compile.metaschedule import (
    PREFIX,
    RECORDS,
    SearchedRecord,
    open_database,
    read_entries,
    version_name,
    write_entries,
)
from mnv3gen.compile.schedules import all_schedules


def searched_folders() -> dict[str, list[Path]]:
    """The folders of each target, one a version of TVM; of several roots, the first that has it."""
    found: dict[str, list[Path]] = {}
    for root in resources.folders("tuning_logs"):
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            found.setdefault(folder.name, sorted(folder.glob(f"{PREFIX}*/")))
    return {target: folders for target, folders in found.items() if folders}


def searched_records(target: str) -> list[SearchedRecord]:
    """What the installed TVM could use for a target, of all cores, those with most time first."""
    folders = searched_folders().get(target, [])
    records = [entry.record for folder in _of_today(folders) for entry in read_entries(folder)]
    return sorted(records, key=lambda record: -record.median_us)


def searched_problems(folder: Path) -> Iterator[str]:
    """What is wrong with the folder of a version. InputError if it cannot be read at all."""
    if folder.name != version_name():
        yield f"{folder}: of another TVM than the installed one; run `mnv3gen logs prune`"
        return
    for core in _of_today([folder]):
        records = [entry.record for entry in read_entries(core)]
        reasons = [outdated(record) for record in records]
        for record, reason in zip(records, reasons, strict=True):
            if reason is not None:
                yield f"{core / RECORDS}: {record.kernel}: {reason}"
        pairs = zip(records, reasons, strict=True)
        if any(record.better and reason is None for record, reason in pairs):
            open_database(core)


def outdated(record: SearchedRecord) -> str | None:
    """Why no compilation would use a record, or None."""
    version = all_schedules().get(record.schedule)
    if version is None:
        return f"there is no schedule {record.schedule}"
    if version != record.version:
        return f"{record.schedule} is of version {version}, the record of {record.version}"
    return None


def prune_searched(folder: Path) -> Iterator[str]:
    """Remove the folder of another version, or its outdated records; tells what was removed."""
    if folder.name != version_name():
        shutil.rmtree(folder)
        yield f"{folder.name}: of another TVM"
        return
    for core in _of_today([folder]):
        entries = read_entries(core)
        kept = [entry for entry in entries if outdated(entry.record) is None]
        if len(kept) < len(entries):
            write_entries(core, kept)
        for entry in entries:
            if (reason := outdated(entry.record)) is not None:
                yield f"{entry.record.kernel}: {reason}"


def _of_today(folders: list[Path]) -> list[Path]:
    """The cores' folders of the installed TVM."""
    return [
        path.parent
        for folder in folders
        if folder.name == version_name()
        for path in sorted(folder.glob(f"*/{RECORDS}"))
    ]

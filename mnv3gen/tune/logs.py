"""From trials to records, and the upkeep of the folders that hold them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mnv3gen import __version__, resources
from mnv3gen.compile.cache import tool_versions
from mnv3gen.compile.plan import Step, cheapest
from mnv3gen.compile.schedules import generators
from mnv3gen.compile.tuned import FILE, TunedRecord, core_of, encode_log, read_log
from mnv3gen.errors import InputError
from mnv3gen.tune.session import Session


def records_of(session: Session) -> list[TunedRecord]:
    """The best of every task that was measured, with the time of the other ways to compute it."""
    best = {}
    for key, task in session.tasks.items():
        trial = session.trials.best(task, task.schedule.rule(task.group, session.target.core))
        if trial is not None:
            best[key] = trial
    apart = _apart(session, {key: trial.median_us for key, trial in best.items()})
    return [
        TunedRecord(
            kernel=trial.kernel,
            schedule=trial.schedule,
            version=trial.version,
            parameters=trial.parameters,
            median_us=trial.median_us,
            spread=trial.spread,
            rule_us=trial.rule_us,
            apart_us=round(apart.get(key, 0.0), 3),
            floor_us=round(session.floor(session.tasks[key]), 3),
            trials=len(session.trials.of(session.tasks[key])),
            core=core_of(session.target),
            machine=session.target.core.name,
            tools={"mnv3gen": __version__, **tool_versions()},
            seed=session.seed,
            date=datetime.date.today().isoformat(),
        )
        for key, trial in best.items()
    ]


def _apart(session: Session, times: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """For each group of several kernels, the least time of another cut whose parts are measured."""

    def cost(step: Step) -> float:
        return times.get((step.group.name, step.schedule.name), float("inf"))

    found = {}
    for network in session.networks:
        for start, steps in enumerate(network.table):
            for step in (step for step in steps if len(step.calls) > 1):
                other = cheapest(network.table, start, start + len(step.calls), cost, step)
                if other < float("inf"):
                    found[step.group.name, step.schedule.name] = other
    return found


def merged(old: Iterable[TunedRecord], new: Iterable[TunedRecord]) -> list[TunedRecord]:
    """Both, the new in place of the old of the same kernel and schedule."""
    kept = {(record.kernel, record.schedule): record for record in old}
    return list((kept | {(record.kernel, record.schedule): record for record in new}).values())


def write_log(path: Path, records: Iterable[TunedRecord]) -> None:
    """Write a log as a whole: to a temporary name, which is renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(encode_log(records))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def committed_folder() -> Path:
    """The `tuning_logs` folder that can be written to. InputError if there is none."""
    for folder in resources.folders("tuning_logs"):
        if os.access(folder, os.W_OK):
            return folder
    raise InputError(
        "no tuning_logs folder that can be written to",
        expected="a checkout of mnv3gen, or a folder with tuning_logs/ in MNV3GEN_PATH",
    )


def logs() -> dict[str, Path]:
    """The committed log of each target."""
    found: dict[str, Path] = {}
    for folder in resources.folders("tuning_logs"):
        for path in sorted(folder.glob(f"*/{FILE}")):
            found.setdefault(path.parent.name, path)
    return found


def problems(path: Path) -> Iterator[str]:
    """What is wrong with a log, one line each. InputError if it cannot be read at all."""
    records = read_log(path)
    if encode_log(records) != path.read_bytes():
        yield f"{path}: not sorted, or not as it would be written; run `mnv3gen logs prune`"
    seen: set[tuple[str, str]] = set()
    for number, record in enumerate(records, 1):
        if (record.kernel, record.schedule) in seen:
            yield f"{path}:{number}: a second record of {record.kernel} by {record.schedule}"
        seen.add((record.kernel, record.schedule))
        if (reason := outdated(record)) is not None:
            yield f"{path}:{number}: {reason}"


def outdated(record: TunedRecord) -> str | None:
    """Why no compilation would use a record, or None."""
    versions = {schedule.name: schedule.version for schedule in generators()}
    if record.schedule not in versions:
        return f"there is no schedule {record.schedule}"
    if record.version != versions[record.schedule]:
        return (
            f"{record.schedule} is of version {versions[record.schedule]}, "
            f"the record of {record.version}"
        )
    return None


def pruned(records: Iterable[TunedRecord]) -> tuple[list[TunedRecord], list[TunedRecord]]:
    """The records that are of use, and those that are not."""
    kept: dict[tuple[str, str], TunedRecord] = {}
    dropped = []
    for record in records:
        key = record.kernel, record.schedule
        if outdated(record) is not None:
            dropped.append(record)
        elif key in kept:
            better, worse = sorted((kept[key], record), key=lambda it: it.median_us / it.rule_us)
            kept[key] = better
            dropped.append(worse)
        else:
            kept[key] = record
    return list(kept.values()), dropped

"""From trials to records, and the upkeep of the folders that hold them."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from mnv3gen import __version__, resources
from mnv3gen.compile.cache import tool_versions
from mnv3gen.compile.log_lines import encode_lines
from mnv3gen.compile.schedules import generators
from mnv3gen.compile.tuned import FILE, TunedRecord, core_of, read_log
from mnv3gen.errors import InputError
from mnv3gen.generate.group import Space, within
from mnv3gen.targets import load, names
from mnv3gen.tune.session import Session
from mnv3gen.tune.tasks import tasks_of_zoo
from mnv3gen.tune.timing import worth
from mnv3gen.tune.trials import Trials

Spaces: TypeAlias = Mapping[tuple[str, str, str], Space]  # by `TunedRecord.key`


def records_of(session: Session) -> list[TunedRecord]:
    """The best of every task that was measured, with the time of the other ways to compute it."""
    best = {}
    for key, task in session.tasks.items():
        trial = session.best(task)
        if trial is not None:
            best[key] = trial
    apart = _apart(session)
    return [
        TunedRecord(
            kernel=trial.kernel,
            schedule=trial.schedule,
            version=trial.version,
            parameters=trial.parameters,
            median_us=trial.median_us,
            spread=trial.spread,
            rule_us=trial.rule_us,
            # Of another moment than this record's time: what counts is their ratio.
            apart_us=round(trial.median_us * apart.get(key, 0.0), 3),
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


def _apart(session: Session) -> dict[tuple[str, str], float]:
    """For each group that was compared, the time of the other way over its own.

    What may as well be luck is left out: there the plan's cost model decides, as without it.
    """
    found = {}
    for network in session.networks:
        for step in (step for steps in network.table for step in steps):
            known = session.comparisons.of(step)
            if known is None:
                continue
            ratio, part = known.apart_us / known.whole_us, worth(known.spread)
            if not part <= ratio <= 1 / part:
                found[step.group.name, step.schedule.name] = ratio
    return found


def merged(
    old: Iterable[TunedRecord], new: Iterable[TunedRecord], trials: Trials
) -> list[TunedRecord]:
    """Both; of the same kernel, schedule and core the new one.

    The old one stays where it is the better of two of the same version, and was not tried again
    among these trials.
    """
    kept = {record.key: record for record in old}
    for record in new:
        known = kept.get(record.key)
        if known is None or _replaces(record, known, trials):
            kept[record.key] = record
    return list(kept.values())


def _replaces(new: TunedRecord, old: TunedRecord, trials: Trials) -> bool:
    if new.version != old.version:
        return True
    tried_again = any(
        (trial.kernel, trial.schedule, trial.version) == (old.kernel, old.schedule, old.version)
        and trial.parameters == old.parameters
        for trial in trials.all()
    )
    return tried_again or new.median_us / new.rule_us < old.median_us / old.rule_us


def write_log(path: Path, records: Iterable[TunedRecord]) -> None:
    """Write a log as a whole: to a temporary name, which is renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(encode_lines(records))
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
    return resources.by_folder("tuning_logs", FILE)


def problems(path: Path) -> Iterator[str]:
    """What is wrong with a log, one line each. InputError if it cannot be read at all."""
    records = read_log(path)
    if encode_lines(records) != path.read_bytes():
        yield f"{path}: not sorted, or not as it would be written; run `mnv3gen logs prune`"
    seen = set()
    spaces = spaces_of(path.parent.name, records)
    for number, record in enumerate(records, 1):
        if record.key in seen:
            yield f"{path}:{number}: a second record of {record.kernel} by {record.schedule}"
        seen.add(record.key)
        if (reason := outdated(record, spaces)) is not None:
            yield f"{path}:{number}: {reason}"


def spaces_of(target: str, records: Iterable[TunedRecord]) -> Spaces:
    """The spaces of all tasks of the zoo on a target's core, if there are records of that core."""
    if target not in names():
        return {}
    chosen = load(target)
    core = core_of(chosen)
    if not any(record.core == core for record in records):
        return {}
    return {
        (*key, core): task.schedule.space(task.group, chosen.core)
        for key, task in tasks_of_zoo(chosen).items()
    }


def outdated(record: TunedRecord, spaces: Spaces) -> str | None:
    """Why no compilation would use a record, or None; `spaces` has those that are known."""
    versions = {schedule.name: schedule.version for schedule in generators()}
    if record.schedule not in versions:
        return f"there is no schedule {record.schedule}"
    if record.version != versions[record.schedule]:
        return (
            f"{record.schedule} is of version {versions[record.schedule]}, "
            f"the record of {record.version}"
        )
    space = spaces.get(record.key)
    if space is not None and not within(space, record.parameters):
        return f"{record.schedule} cannot have the parameters {record.parameters}"
    return None


def pruned(
    records: Iterable[TunedRecord], spaces: Spaces
) -> tuple[list[TunedRecord], list[TunedRecord]]:
    """The records that are of use, and those that are not."""
    kept: dict[tuple[str, str, str], TunedRecord] = {}
    dropped = []
    for record in records:
        key = record.key
        if outdated(record, spaces) is not None:
            dropped.append(record)
        elif key in kept:
            better, worse = sorted((kept[key], record), key=lambda it: it.median_us / it.rule_us)
            kept[key] = better
            dropped.append(worse)
        else:
            kept[key] = record
    return list(kept.values()), dropped

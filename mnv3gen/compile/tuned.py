"""Tuned parameters: the records of `tuning_logs/`, and which of them a compilation may use.

A log is `tuning_logs/<target>/records.jsonl`: one JSON object a line, sorted by kernel, schedule
and core, at most one of each. The user's own, which `mnv3gen tune` writes into its cache folder,
come before ours.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from mnv3gen import resources
from mnv3gen.compile.log_lines import read_lines
from mnv3gen.compile.metaschedule import Searched, load_searched
from mnv3gen.compile.modelled import FILE as MODELLED_FILE
from mnv3gen.compile.modelled import ModelledRecord, read_modelled
from mnv3gen.compile.schedules import Schedule
from mnv3gen.generate.group import Group, Parameters
from mnv3gen.targets import Target

FILE = "records.jsonl"

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class TunedRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The best parameters found for a kernel on a core; times in microseconds.

    `rule_us` is the time of the schedule's own rule, measured in turns with the best.
    `apart_us` is what the same kernels take in the fastest other way that was measured, 0 if they
    can only be computed as they are. `spread` is (90 % - 10 %) / median.
    """

    kernel: str
    schedule: str
    version: Count
    parameters: dict[str, int]
    median_us: Amount
    spread: Amount
    rule_us: Annotated[float, msgspec.Meta(gt=0)]
    apart_us: Amount
    floor_us: Amount
    trials: Count
    core: str
    machine: str
    tools: dict[str, str]
    seed: int
    date: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What a log has one record of."""
        return self.kernel, self.schedule, self.core


@dataclass(frozen=True)
class Tuned:
    """The records that fit a core, by kernel and schedule.

    `searched` has those of kernels that no generator covers, `modelled` those without a device,
    which count only where nothing was measured.
    """

    records: dict[tuple[str, str], TunedRecord]
    searched: Searched = field(default_factory=Searched)
    modelled: dict[tuple[str, str], ModelledRecord] = field(default_factory=dict)

    def find(self, group: Group, schedule: Schedule) -> TunedRecord | ModelledRecord | None:
        """The record of a group under a schedule of the same version, or None."""
        key = group.name, schedule.name
        for record in (self.records.get(key), self.modelled.get(key)):
            if record is not None and record.version == schedule.version:
                return record
        return None

    def parameters(self, group: Group, schedule: Schedule) -> Parameters | None:
        """The tuned parameters, or None."""
        record = self.find(group, schedule)
        return None if record is None else record.parameters

    def ratio(self, group: Group, schedule: Schedule) -> float | None:
        """The time of a group over that of its kernels computed in another way, if measured."""
        record = self.find(group, schedule)
        if isinstance(record, ModelledRecord):
            return record.cycles / record.apart_cycles if record.apart_cycles else None
        return (
            record.median_us / record.apart_us if record is not None and record.apart_us else None
        )

    def provenance(self, group: Group, schedule: Schedule) -> str:
        """Where the parameters of a group are from: "tuned" or "modelled"."""
        return "modelled" if isinstance(self.find(group, schedule), ModelledRecord) else "tuned"

    @property
    def fingerprint(self) -> str:
        """A hash of all records, for caches."""
        digest = hashlib.sha256()
        for record in self.records.values():
            digest.update(msgspec.json.encode(record))
        for modelled in self.modelled.values():
            digest.update(msgspec.json.encode(modelled))
        digest.update(self.searched.fingerprint.encode())
        return digest.hexdigest()


NOTHING = Tuned({})


def core_of(target: Target) -> str:
    """What a record must have been measured on: the core, but not its clock, which drifts."""
    core = target.core
    caches = f"{core.l1d_kib}+{core.l2_kib}+{core.l3_kib} KiB"
    vectors = f"{core.vector_registers} x {core.vector_bits} bit"
    return f"{target.architecture} {target.llvm.cpu}, {vectors}, {caches}"


def folders(target: Target) -> list[Path]:
    """Where logs of a target may lie, those that win first."""
    own = own_folder() / target.name
    return [own, *(folder / target.name for folder in resources.folders("tuning_logs"))]


def own_folder() -> Path:
    """The folder of what was tuned on this machine."""
    from mnv3gen.compile.cache import TUNING, cache_folder

    bundles = cache_folder()
    return (bundles.parent if bundles.name == "bundles" else bundles) / TUNING


def load_tuned(target: Target) -> Tuned:
    """Every record that was measured on a target's core. InputError names a damaged line."""
    records: dict[tuple[str, str], TunedRecord] = {}
    for folder in folders(target):
        for record in read_log(folder / FILE):
            if record.core == core_of(target):
                records.setdefault((record.kernel, record.schedule), record)
    modelled: dict[tuple[str, str], ModelledRecord] = {}
    for folder in folders(target):
        for it in read_modelled(folder / MODELLED_FILE):
            if it.core == core_of(target):
                modelled.setdefault((it.kernel, it.schedule), it)
    searched = load_searched(folders(target), core_of(target))
    return Tuned(dict(sorted(records.items())), searched, dict(sorted(modelled.items())))


def read_log(path: Path) -> list[TunedRecord]:
    """The records of a file; none if there is no such file. InputError names file and line."""
    return read_lines(path, TunedRecord, "a tuning record", "`mnv3gen tune`")

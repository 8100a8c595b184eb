"""Parameters found by modelled cycles, without a device: `tuning_logs/<target>/modelled.jsonl`.

They are used where nothing was measured on the target's core, and never compared with times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec

from mnv3gen import resources
from mnv3gen.compile.log_lines import encode_lines, read_lines
from mnv3gen.compile.schedules import generators

FILE = "modelled.jsonl"

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class ModelledRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parameters with the fewest modelled cycles, of one call.

    ``rule_cycles`` are those of the schedule's own rule, ``apart_cycles`` those of the same kernels
    in the best other way, 0 if there is none. ``model`` is the core's description and the version
    of the simulation, as `mnv3gen.cycles.model.stamp_of` has them.
    """

    kernel: str
    schedule: str
    version: Count
    parameters: dict[str, int]
    cycles: Count
    rule_cycles: Count
    apart_cycles: Count
    trials: Count
    core: str
    modelled_core: str
    model: str
    tools: dict[str, str]
    seed: int
    date: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What a log has one record of."""
        return self.kernel, self.schedule, self.core


def read_modelled(path: Path) -> list[ModelledRecord]:
    """The records of a file; none if there is no such file. InputError names file and line."""
    writer = "`mnv3gen tune --device modelled`"
    return read_lines(path, ModelledRecord, "a record of modelled cycles", writer)


def modelled_logs() -> dict[str, Path]:
    """The committed log of each target that has one."""
    return resources.by_folder("tuning_logs", FILE)


def problems(path: Path) -> Iterator[str]:
    """What is wrong with a log, one line each. InputError if it cannot be read at all."""
    records = read_modelled(path)
    if encode_lines(records) != path.read_bytes():
        yield f"{path}: not sorted, or not as it would be written"
    versions = {schedule.name: schedule.version for schedule in generators()}
    seen = set()
    for number, record in enumerate(records, 1):
        if record.key in seen:
            yield f"{path}:{number}: a second record of {record.kernel} by {record.schedule}"
        seen.add(record.key)
        if record.version != versions.get(record.schedule):
            yield f"{path}:{number}: {record.schedule} is of another version, or gone"

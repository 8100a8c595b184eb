"""Records of MetaSchedule for a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mnv3gen.compile.metaschedule import Entry, SearchedRecord, as_workload
from mnv3gen.compile.tuned import core_of
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target, load
from mnv3gen.tune.space import Search
from mnv3gen.tune.tasks import listed

if TYPE_CHECKING:
    from tvm import tirx


def searched(**changes: object) -> SearchedRecord:
    """A record of the host with some fields changed."""
    whole = SearchedRecord(
        kernel="clip_12x12x24_12x12x24_f32",
        schedule="any",
        version=1,
        better=True,
        workload="17",
        median_us=8.0,
        spread=0.02,
        rule_us=10.0,
        trials=15,
        core=core_of(load("host")),
        machine="a machine",
        tools={"mnv3gen": "0"},
        seed=0,
        date="2026-01-01",
    )
    return msgspec.structs.replace(whole, **changes)


def line(record: SearchedRecord) -> Entry:
    """A record with lines of a database as far as we look into them."""
    return Entry(record, [record.workload, "..."], [[], [1e-6], {}, []])


def entries_of(network: Network, target: Target) -> list[Entry]:
    """An untimed schedule for every kernel of a network that no generator covers."""
    functions = listed(network, target).functions
    return [_entry(name, function, target) for name, function in sorted(functions.items())]


def _entry(name: str, function: tirx.PrimFunc, target: Target) -> Entry:
    from tvm.target import Target as TvmTarget

    search = Search(as_workload(function), TvmTarget(target.tvm_dict()), 0, trials=4, batch=4)
    workload = search.workload.as_json()
    trace = search.record(search.batch()[0], 1e-6).as_json()
    return Entry(searched(kernel=name, workload=workload[0]), workload, trace)

"""A tuning record to change for a test."""

from __future__ import annotations

import msgspec

from mnv3gen.compile.tuned import TunedRecord, core_of
from mnv3gen.targets import load


def record(**changes: object) -> TunedRecord:
    """A record of the host with some fields changed."""
    whole = TunedRecord(
        kernel="conv1x1_7x7x160_7x7x960_bias_hswish_f32",
        schedule="pointwise",
        version=1,
        parameters={"vectors": 2, "rows": 5, "block": 0},
        median_us=150.0,
        spread=0.02,
        rule_us=165.0,
        apart_us=0.0,
        floor_us=140.0,
        trials=30,
        core=core_of(load("host")),
        machine="a machine",
        tools={"mnv3gen": "0"},
        seed=0,
        date="2026-01-01",
    )
    return msgspec.structs.replace(whole, **changes)

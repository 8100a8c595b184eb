"""A device that answers for a bundle's own executable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mnv3gen.devices.connection import Output
from mnv3gen.measure.network import bundle_identity
from support.compiled import Compiled
from support.devices import option


class Board:
    """A device whose answers have these medians (ms) and frequencies (kHz) in turn."""

    def __init__(self, compiled: Compiled, answers: Sequence[Any]) -> None:
        self.identity = bundle_identity(compiled.bundle)
        self.answers: Iterator[Any] = iter(answers)

    def __call__(self, arguments: Sequence[str]) -> Output:
        answer: dict[str, Any] = {
            "version": self.identity,
            "first_ms": 2.0,
            "max_error": 1e-7,
            "correct": True,
        }
        if "--check" in arguments:
            return Output(0, json.dumps(answer))
        value = next(self.answers)
        if isinstance(value, Exception):
            raise value
        if isinstance(value, Output):
            return value
        median, before, after = value if isinstance(value, tuple) else (value, 1000, 1000)
        runs = int(option(arguments, "--runs"))
        times = {"runs": runs, "times_ms": [1.0, *[median] * (runs - 1)]}
        states = {"before": {"khz": str(before)}, "after": {"khz": str(after)}}
        return Output(0, json.dumps(answer | times | states))

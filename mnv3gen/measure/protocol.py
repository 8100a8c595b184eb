"""`Protocol`: how a time is taken. It is written into every record, and part of its key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, TypeAlias

import msgspec

Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a measurement.

    `cpu` is the processor that is run on, None for the scheduler's choice. `warmup` runs do not
    count; then there are at least `runs` of them, and as many as fill `seconds`, up to `most_runs`.
    Between two measurements is a pause of `cool_down` seconds. Networks that are compared take
    turns: the runs of each are in so many `blocks`, each with its warm-up, so that what changes
    meanwhile changes for all of them.

    Kernels are timed one by one. Before each call other memory is gone over, as a network goes over
    its weights: `small_kib` of it as a small network does, then `large_kib` as a large one.

    The spread is the median over the minimum, less one. A measurement with more than `most_spread`,
    or in which the frequency changes by more than the part `most_drift`, is repeated up to
    `attempts` times; the best one is kept, and marked noisy if it is still beyond the limits.
    """

    cpu: int | None = None
    warmup: int = 5
    runs: int = 20
    seconds: float = 1.0
    most_runs: int = 2000
    cool_down: float = 0.0
    blocks: int = 1
    small_kib: int = 10 * 1024
    large_kib: int = 20 * 1024
    most_spread: float = 0.15
    most_drift: float = 0.03
    attempts: int = 3

    @property
    def key(self) -> str:
        """A short hash of all settings."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:12]

    def runs_of(self, first_ms: float) -> int:
        """How often to run what takes about so long."""
        wanted = int(self.seconds * 1e3 / max(first_ms, 1e-3))
        return min(max(self.runs, wanted), self.most_runs)


class Times(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came of `runs` runs, in milliseconds."""

    min_ms: Amount
    median_ms: Amount
    p90_ms: Amount
    runs: Annotated[int, msgspec.Meta(ge=0)]

    @classmethod
    def of(cls, times: Iterable[float]) -> Times:
        """The summary of single times, of which there is at least one."""
        ordered = sorted(times)
        count = len(ordered)
        return cls(ordered[0], ordered[count // 2], ordered[(count - 1) * 9 // 10], count)

    @property
    def spread(self) -> float:
        """How far the usual run is from the undisturbed one."""
        return self.median_ms / self.min_ms - 1 if self.min_ms else 0.0


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the processor was doing; None for what the system does not tell."""

    governor: str | None = None
    khz: int | None = None
    millicelsius: int | None = None
    load: float | None = None


def drift(before: State | None, after: State | None) -> float:
    """The change of the frequency, of the first one; 0 where the system does not tell it."""
    first = before.khz if before else None
    last = after.khz if after else None
    return abs(last / first - 1) if first and last else 0.0

"""What a run writes down: every proposal as it is judged, and every step that was taken."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from mnv3gen.journal import Journal
from mnv3gen.search.latency import Latency

STEPS, PROPOSALS = "steps.jsonl", "proposals.jsonl"


class Proposal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A smaller network: `site` from `before` to `after` channels.

    `latency` is the source's; `reduction_ms` and `accuracy_change` are against the step before;
    `ratio` is accuracy change over milliseconds saved. Of a proposal that could not be judged
    `state` is "failed", and `reason` says why. `attempt` counts the times that a step's proposals
    were made, each time shrunk more.
    """

    step: int
    attempt: int
    site: str
    kind: Literal["expansion", "bottleneck"]
    before: int
    after: int
    table: str
    latency: Latency
    reduction_ms: float
    accuracy: float = 0.0
    accuracy_change: float = 0.0
    ratio: float = 0.0
    seconds: float = 0.0
    state: Literal["ok", "failed"] = "ok"
    reason: str = ""

    @property
    def key(self) -> tuple[int, int, str]:
        """What it is within a run."""
        return self.step, self.attempt, self.site


class Verified(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The network before and a proposal, compiled and measured in turns.

    `reduction` is the milliseconds saved as a share of the seed's latency: what is compared with
    delta. `error` is that of `ratio`, after / before. `accepted`: whether it is enough.
    """

    site: str
    before_ms: float
    after_ms: float
    ratio: float
    error: float
    rounds: int
    reduction: float
    accepted: bool


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A step that was taken; number 0 is the seed.

    `latency` is the source's, `share` the measured latency over the seed's: the product of all
    steps' ratios. `measured_ms` is `share` of what the seed took at the start.
    """

    number: int
    table: str
    accuracy: float
    latency: Latency
    share: float
    measured_ms: float
    chosen: str = ""
    proposals: tuple[Proposal, ...] = ()
    verified: tuple[Verified, ...] = ()
    seconds: float = 0.0


def steps_of(folder: Path) -> Journal[Step]:
    """The steps of a run's folder."""
    return Journal(folder / STEPS, Step)


def proposals_of(folder: Path) -> Journal[Proposal]:
    """The proposals of a run's folder, those of the step that was not finished too."""
    return Journal(folder / PROPOSALS, Proposal)

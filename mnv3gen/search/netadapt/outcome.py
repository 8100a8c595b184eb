"""What a run leaves: the files of its folder, and the figures of what came of it."""

from __future__ import annotations

import msgspec

FILE, TABLE, WEIGHTS = "final.json", "final.bneck", "final.safetensors"


class Final(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of a run.

    `seed_ms` and `ms` were measured in turns, `ratio` is the latter over the former, with its
    standard error. `accuracy` is the share of the test pictures that are right after `epochs` of
    training from scratch, None if there was none; then the weights are the last step's.
    """

    seed_ms: float
    ms: float
    ratio: float
    error: float
    target_ms: float
    accuracy: float | None = None
    pictures: int = 0
    epochs: int = 0

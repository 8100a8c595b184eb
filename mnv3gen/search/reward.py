"""The reward of a candidate: its accuracy, weighed by its latency."""

from __future__ import annotations

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["large", "small"]
EXPONENTS: dict[Kind, float] = {"large": -0.07, "small": -0.15}
"""Of networks of each kind: MnasNet's, and the paper's for small ones, whose accuracy changes more
with latency (section 4.1)."""


def reward(accuracy: float, ms: float, target_ms: float, exponent: float) -> float:
    """ACC x (LAT / TAR)^w of section 4.1: `accuracy` is a share, w is negative."""
    return accuracy * (ms / target_ms) ** exponent

"""The reward of a candidate: its accuracy, weighed by its latency."""

from __future__ import annotations

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["large", "small", "hard"]
Exponents: TypeAlias = tuple[float, float]
"""w of a latency within the target, and beyond it."""

EXPONENTS: dict[Kind, Exponents] = {
    "large": (-0.07, -0.07),
    "small": (-0.15, -0.15),
    "hard": (0.0, -1.0),
}
"""Of networks of each kind: MnasNet's, and the paper's for small ones, whose accuracy changes more
with latency (section 4.1). Hard is MnasNet's other choice (its section 3.1): the most accurate
network within the target, however fast it is."""


def reward(accuracy: float, ms: float, target_ms: float, exponents: Exponents) -> float:
    """ACC x (LAT / TAR)^w of section 4.1: `accuracy` is a share, w is negative or 0."""
    within, beyond = exponents
    return float(accuracy * (ms / target_ms) ** (within if ms <= target_ms else beyond))


def words(exponents: Exponents) -> str:
    """What w is, to read."""
    within, beyond = exponents
    return f"w {beyond:g}" if within == beyond else f"w {within:g}, beyond it {beyond:g}"

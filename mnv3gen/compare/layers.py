"""The layers of two plans beside each other: the smallest parts that both cut the network into.

Two bundles of one network compute its convolutions in the same order, but neither need compute the
same ones together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from mnv3gen.compile.manifest import Manifest, PlanStep
from mnv3gen.errors import InputError

CONVOLUTIONS = ("conv", "dwconv")
GATE = "gate"


@dataclass(frozen=True)
class Part:
    """Consecutive calls of each bundle, as ranges of numbers, that compute the same."""

    first: range
    second: range
    computes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first bundle's kernels."""
        return ", ".join(self.computes)


def parts_of(first: Manifest, second: Manifest) -> list[Part]:
    """The parts in order; InputError if the bundles have other convolutions."""
    if _convolutions(first) != _convolutions(second):
        raise InputError(
            "the bundles are of different networks",
            found=f"{first.name}, {second.name}",
            expected="two forms of one network",
        )
    starts = [0, 0]
    parts = []
    for ends in _common_ends(first.plan, second.plan):
        calls = [range(start, end) for start, end in zip(starts, ends, strict=True)]
        names = tuple(name for number in calls[0] for name in first.plan[number].computes)
        parts.append(Part(calls[0], calls[1], names))
        starts = list(ends)
    return parts


def _common_ends(first: Sequence[PlanStep], second: Sequence[PlanStep]) -> Iterator[list[int]]:
    """Pairs of call numbers before which both have computed the same convolutions.

    What follows a convolution without being one belongs to it; so a part ends before the next. A
    gate belongs to the next: float32 computes them together, int8 one after the other.
    """
    ends = [_ends(plan) for plan in (first, second)]
    for done in sorted(set(ends[0]) & set(ends[1])):
        yield [each[done] for each in ends]


def _ends(plan: Sequence[PlanStep]) -> dict[int, int]:
    """By a number of convolutions, the last call number before which there are so many.

    Nothing where there are none.
    """
    counts = accumulate(sum(map(is_convolution, step.computes)) for step in plan)
    numbered = enumerate(zip(counts, plan, strict=True), 1)
    ends = {count: number for number, (count, step) in numbered if count and not _is_gate(step)}
    return {**ends, max(ends): len(plan)} if ends else {}


def _convolutions(manifest: Manifest) -> list[str]:
    """Windows and shapes of all convolutions, without activation and type."""
    names = (name for step in manifest.plan for name in step.computes)
    return ["_".join(name.split("_")[:3]) for name in names if is_convolution(name)]


def _is_gate(step: PlanStep) -> bool:
    return all(name.startswith(GATE) for name in step.computes)


def is_convolution(name: str) -> bool:
    """Whether a kernel of that name is a convolution, full, depthwise or pointwise."""
    return name.startswith(CONVOLUTIONS)

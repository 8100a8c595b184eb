"""What an instruction profile comes down to, to hold against a bar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mnv3gen.profile.instructions import InstructionProfile, KernelWork, LoopWork
from mnv3gen.profile.names import convolutions_of, is_partly_pointwise, is_pointwise

WORKS = 0.1  # of a kernel's vector multiply-adds: a loop that has as many does the kernel's work


@dataclass(frozen=True)
class Worst:
    """The loop with the most instructions for each vector multiply-add."""

    per_fmla: float
    kernel: str
    address: int


@dataclass(frozen=True)
class Summary:
    """Totals, and the worst of the innermost loops that do the work of pointwise kernels.

    ``pointwise`` is over those of several positions, which can reuse what they load, ``single``
    over those of one: squeeze-and-excite and classifiers. ``together`` is over functions that
    compute other convolutions too, whose loops may be theirs. ``spilling`` of the ``hot_loops``
    have spills; ``spills`` are the instructions of all loops.
    """

    instructions: int
    fmlas: int
    per_fmla: float | None
    pointwise: Worst | None
    single: Worst | None
    together: Worst | None
    hot_loops: int
    spilling: int
    spills: int


def summarize(profile: InstructionProfile) -> Summary:
    """The summary of a bundle's profile."""
    kernels = [kernel for kernel in profile.kernels if kernel.kernel]
    pointwise = [kernel for kernel in kernels if is_pointwise(kernel.name)]
    single = [kernel for kernel in pointwise if _positions(kernel) == 1]
    hot = [loop for kernel in kernels for loop in kernel.hot_loops]
    total = profile.total
    return Summary(
        instructions=total.instructions,
        fmlas=total.fmlas,
        per_fmla=total.per_fmla,
        pointwise=_worst(kernel for kernel in pointwise if kernel not in single),
        single=_worst(single),
        together=_worst(kernel for kernel in kernels if is_partly_pointwise(kernel.name)),
        hot_loops=len(hot),
        spilling=sum(loop.work.spills > 0 for loop in hot),
        spills=total.spills,
    )


def _positions(kernel: KernelWork) -> int:
    return max(each.positions for each in convolutions_of(kernel.name))


def _worst(kernels: Iterable[KernelWork]) -> Worst | None:
    found = [
        Worst(loop.work.per_fmla, kernel.name, loop.address)
        for kernel in kernels
        for loop in _working(kernel)
        if loop.work.per_fmla is not None
    ]
    return max(found, key=lambda worst: worst.per_fmla, default=None)


def _working(kernel: KernelWork) -> Iterator[LoopWork]:
    for loop in kernel.loops:
        if loop.innermost and loop.work.fmlas >= WORKS * kernel.work.fmlas:
            yield loop

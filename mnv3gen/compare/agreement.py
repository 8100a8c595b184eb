"""How far the outputs of two bundles agree over some inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import Bundle
from mnv3gen.errors import InputError
from mnv3gen.run import running

Array = npt.NDArray[np.float32]


@dataclass
class Agreement:
    """One output tensor of both, summed up over inputs.

    A position is a pixel of a class map or an anchor's cell, the only one of a classifier. It
    agrees if the largest channel is the same.
    """

    name: str
    positions: int = 0
    agreeing: int = 0
    signal: float = 0.0  # sums of squares
    noise: float = 0.0
    largest: float = 0.0

    def add(self, first: Array, second: Array) -> None:
        """Take the tensors of one more input, whose last axis is the channels."""
        same = first.argmax(axis=-1) == second.argmax(axis=-1)
        self.positions += same.size
        self.agreeing += int(same.sum())
        difference = first.astype(np.float64) - second
        self.signal += float(np.square(first, dtype=np.float64).sum())
        self.noise += float(np.square(difference).sum())
        self.largest = max(self.largest, float(np.abs(difference).max()))

    @property
    def share(self) -> float:
        """Of all positions, those that agree."""
        return self.agreeing / self.positions

    @property
    def sqnr_db(self) -> float | None:
        """The first one's power over that of the difference, in dB; None if there is none."""
        if not self.noise or not self.signal:
            return None
        return 10 * math.log10(self.signal / self.noise)


@dataclass
class Agreements:
    """By output, in order, and the number of inputs."""

    outputs: list[Agreement] = field(default_factory=list)
    inputs: int = 0


def check_alike(first: Bundle, second: Bundle) -> None:
    """InputError if two bundles do not take and give the same tensors."""
    for what in ("input", "outputs"):
        ours, theirs = (_shapes(bundle, what) for bundle in (first, second))
        if ours != theirs:
            raise InputError(
                f"the {what} of the two bundles differ",
                place=str(second.folder),
                found=f"{second.manifest.name}, {theirs}",
                expected=f"{ours}, as of {first.manifest.name}",
            )


def agreements(
    first: Bundle,
    second: Bundle,
    inputs: Iterable[Array],
    executor: str = "auto",
    advance: Callable[[], None] = lambda: None,
) -> Agreements:
    """Run both on every input (h, w, c); ``advance`` is called after each.

    Bundles for this machine are run natively, others emulated.
    """
    found = Agreements([Agreement(output.name) for output in first.manifest.outputs])
    with running(first, executor) as one, running(second, executor) as other:
        for data in inputs:
            pairs = [run(data)[1].values() for run in (one, other)]
            for agreement, ours, theirs in zip(found.outputs, *pairs, strict=True):
                agreement.add(ours, theirs)
            found.inputs += 1
            advance()
    return found


def _shapes(bundle: Bundle, what: str) -> str:
    manifest = bundle.manifest
    tensors = (manifest.input,) if what == "input" else manifest.outputs
    return ", ".join("x".join(map(str, tensor.shape)) for tensor in tensors)

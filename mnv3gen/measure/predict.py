"""What a network takes on a device: the sum of its kernels, measured or guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mnv3gen.measure.kernel import Code
from mnv3gen.measure.planned import Call, Plans, near_shares
from mnv3gen.measure.protocol import Times
from mnv3gen.measure.records import Record
from mnv3gen.tables.network import Network


class Guesser(Protocol):
    """A model of kernels that were not measured."""

    error: float
    """Of one kernel: the standard deviation of the logarithm of the ratio, in cross-validation."""

    def guess(self, codes: Sequence[Code]) -> list[tuple[float, float]]:
        """Milliseconds of each kernel with its weights far away, and near."""


@dataclass(frozen=True)
class Part:
    """One call: what it adds in milliseconds, and whether that was measured."""

    kernel: str
    ms: float
    measured: bool
    spread: float


@dataclass(frozen=True)
class Prediction:
    """Milliseconds of a whole network, within ± `interval_ms` in 19 of 20 cases.

    The error of whole networks, by validation, is taken as common to all kernels; those of single
    guesses are taken as independent of each other.
    """

    ms: float
    interval_ms: float
    parts: tuple[Part, ...]

    @property
    def guessed(self) -> list[str]:
        """The kernels that were not measured."""
        return sorted({part.kernel for part in self.parts if not part.measured})


@dataclass
class Predictor:
    """Predicts from the records of one device.

    `overhead_ms` is what a call costs beside its kernel, and `error` the relative error of whole
    networks; both come from networks that were measured whole (`validate.py`).
    """

    plans: Plans
    times: Mapping[str, tuple[float, float, float]]
    model: Guesser | None = None
    overhead_ms: float = 0.0
    error: float = 0.05

    def predict(self, network: Network) -> Prediction:
        """The prediction for a network. Mnv3genError if a kernel can be neither known nor guessed."""
        calls = self.plans.calls(network)
        guessed = self._guesses(calls)
        shares = near_shares(calls, self.plans.target.core)
        parts = []
        for call, share in zip(calls, shares, strict=True):
            known = self.times.get(call.code)
            cold, near, spread = known or guessed[call.code]
            ms = cold - share * (cold - near) + self.overhead_ms
            name = self.plans.codes[call.code].group.name
            parts.append(Part(name, ms, known is not None, spread))
        whole = sum(part.ms for part in parts)
        alone = sum((part.ms * part.spread) ** 2 for part in parts if not part.measured) ** 0.5
        return Prediction(whole, 1.96 * ((whole * self.error) ** 2 + alone**2) ** 0.5, tuple(parts))

    def _guesses(self, calls: Sequence[Call]) -> dict[str, tuple[float, float, float]]:
        missing = list(dict.fromkeys(it.code for it in calls if it.code not in self.times))
        if not missing:
            return {}
        if self.model is None:
            from mnv3gen.errors import InputError

            names = [self.plans.codes[key].group.name for key in missing]
            raise InputError(
                f"{len(missing)} kernels were not measured, and there are too few to learn from",
                found=", ".join(names[:3]) + (", ..." if len(names) > 3 else ""),
                expected="`mnv3gen latency-table` for this network, or for a space that has it",
            )
        times = self.model.guess([self.plans.codes[key] for key in missing])
        error = self.model.error
        return {key: (*both, error) for key, both in zip(missing, times, strict=True)}


def times_of(records: Sequence[Record]) -> dict[str, tuple[float, float, float]]:
    """Median milliseconds far away and near, and the spread, by the hash of the code."""
    return {record.bundle: _both(record.times) for record in records}


def _both(times: Mapping[str, Times]) -> tuple[float, float, float]:
    cold, near = times["cold"], times.get("near", times["cold"])
    # What is near is not slower; where it seems so, both are the same, and only noise differs.
    return cold.median_ms, min(near.median_ms, cold.median_ms), cold.spread

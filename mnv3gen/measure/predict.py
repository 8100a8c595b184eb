"""What a network takes on a device: the sum of its kernels, measured or guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from mnv3gen.errors import InputError
from mnv3gen.graph.model import Model
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.planned import Call, Plans, footprint_kib, near_shares
from mnv3gen.measure.records import Record
from mnv3gen.tables.network import Network

States: TypeAlias = tuple[float, float, float, float]
"""Milliseconds in the order of `answer.STATES`."""


class Guesser(Protocol):
    """A model of kernels that were not measured."""

    @property
    def error(self) -> float:
        """Of one kernel: the standard deviation of log(guess / time), in cross-validation."""

    def guess(self, codes: Mapping[str, Code]) -> Mapping[str, States]:
        """Milliseconds of each kernel in each of the states, by the hash of the code."""


@dataclass(frozen=True)
class Part:
    """One call: what it adds in milliseconds, and whether that was measured."""

    kernel: str
    ms: float
    measured: bool


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

    `times` has the kernels by the hash of their code, `sizes_kib` what the protocol took for a
    small and for a large network. `overhead_ms` is what a call costs beside its kernel, `scale` how
    much of its time by itself a kernel costs there, and `error` the relative error of whole
    networks; all come from networks that were measured whole.
    """

    plans: Plans
    times: Mapping[str, States]
    sizes_kib: tuple[int, int]
    model: Guesser | None = None
    overhead_ms: float = 0.0
    error: float = 0.05
    scale: float = 1.0
    _names: dict[str, str] = field(default_factory=dict)

    def predict(self, network: Network | Model) -> Prediction:
        """The prediction for a network. InputError if a kernel can be neither known nor guessed."""
        calls = self.plans.calls(network)
        times = self.states(calls)
        shares = near_shares(calls, self.plans.target.core)
        large = self._largeness(calls)
        parts = []
        for call, near in zip(calls, shares, strict=True):
            ms = self.scale * mixed(times[call.code], near, large) + self.overhead_ms
            parts.append(Part(self._name(call.code), ms, call.code in self.times))
        whole = sum(part.ms for part in parts)
        error = 0.0 if self.model is None else self.model.error
        alone = sum((part.ms * error) ** 2 for part in parts if not part.measured) ** 0.5
        return Prediction(whole, 1.96 * ((whole * self.error) ** 2 + alone**2) ** 0.5, tuple(parts))

    def states(self, calls: Sequence[Call]) -> Mapping[str, States]:
        """The milliseconds of each kernel, measured or guessed. InputError as `predict`."""
        known = {it.code: self.times[it.code] for it in calls if it.code in self.times}
        return known | dict(self._guesses(calls))

    def _name(self, code: str) -> str:
        name = self._names.get(code)
        if name is None:
            name = self._names[code] = self.plans.codes[code].group.name
        return name

    def _largeness(self, calls: Sequence[Call]) -> float:
        """Where between the small and the large network of the protocol this one is."""
        small, large = self.sizes_kib
        return min(1.0, max(0.0, (footprint_kib(calls) - small) / max(large - small, 1)))

    def _guesses(self, calls: Sequence[Call]) -> Mapping[str, States]:
        codes = self.plans.codes
        missing = {it.code: codes[it.code] for it in calls if it.code not in self.times}
        if not missing:
            return {}
        if self.model is None:
            names = [code.group.name for code in missing.values()]
            raise InputError(
                f"{len(missing)} kernels were not measured, and there are too few to learn from",
                found=", ".join(names[:3]) + (", ..." if len(names) > 3 else ""),
                expected="`mnv3gen latency-table` for this network, or for a space that has it",
            )
        return self.model.guess(missing)


def mixed(states: States, near: float, large: float) -> float:
    """A kernel of which a part of the weights is near, in a network of some largeness."""
    small_cold, small_near, cold, close = states
    small = small_cold - near * (small_cold - small_near)
    return small + large * (cold - near * (cold - close) - small)


def times_of(records: Sequence[Record]) -> dict[str, States]:
    """Median milliseconds by the hash of the code."""
    return {record.bundle: states_of(record) for record in records}


def states_of(record: Record) -> States:
    """A kernel's medians. What is near is not slower: where it seems so, only noise differs."""
    medians = {name: times.median_ms for name, times in record.times.items()}
    cold, small = medians["cold"], medians["small_cold"]
    near = min(medians.get("near", cold), cold)
    return small, min(medians.get("small_near", small), small), cold, near

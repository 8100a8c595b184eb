"""Sums of kernels, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.compiled import tiny

from mnv3gen.errors import InputError
from mnv3gen.measure.kernel import Code
from mnv3gen.measure.planned import Call, Plans
from mnv3gen.measure.predict import Predictor, States, mixed
from mnv3gen.measure.validate import Comparison, calibrate, overhead
from mnv3gen.targets import Core

CORE = Core("none", 128, 32, 1000, 64, 32, 512, 0)
CALLS = [Call("a", 64, 0, 1000), Call("b", 6400, 1024, 0), Call("a", 64, 0, 0)]
MIB = 1024


@dataclass
class FakePlans:
    """The calls above, for any network."""

    codes: dict[str, Any] = field(
        default_factory=lambda: {
            name: SimpleNamespace(group=SimpleNamespace(name=f"kernel_{name}")) for name in "ab"
        }
    )
    target: Any = field(default_factory=lambda: SimpleNamespace(core=CORE))

    def calls(self, network: object) -> list[Call]:
        """See `Plans`."""
        return CALLS


class FakeModel:
    """Guesses 3 ms for everything, and is off by 10 %."""

    error = 0.1

    def guess(self, codes: Mapping[str, Code]) -> Mapping[str, States]:
        """See `Guesser`."""
        return dict.fromkeys(codes, (3.0, 3.0, 3.0, 3.0))


def predictor(times: dict[str, States], **fields: Any) -> Predictor:
    """A predictor of networks that are small."""
    return Predictor(cast(Plans, FakePlans()), times, (10 * MIB, 20 * MIB), **fields)


def test_states_are_mixed() -> None:
    states = (1.0, 0.5, 2.0, 1.0)
    assert mixed(states, 0.0, 0.0) == 1.0
    assert mixed(states, 1.0, 0.0) == 0.5
    assert mixed(states, 0.0, 1.0) == 2.0
    assert mixed(states, 0.5, 1.0) == 1.5
    assert mixed(states, 0.0, 0.5) == 1.5
    assert mixed(states, 0.5, 0.5) == pytest.approx((0.75 + 1.5) / 2)


def test_a_network_is_the_sum_of_its_calls() -> None:
    """The second call's weights are near, since the first has time to ask for them; the third's
    come after those, and are asked for too.
    """
    times = {"a": (1.0, 0.5, 9.0, 9.0), "b": (4.0, 2.0, 9.0, 9.0)}
    found = predictor(times, overhead_ms=0.01, error=0.02).predict(tiny())
    assert [part.ms for part in found.parts] == pytest.approx([1.01, 2.01, 0.51])
    assert found.ms == pytest.approx(3.53)
    assert found.interval_ms == pytest.approx(1.96 * 0.02 * 3.53)
    assert found.guessed == []


def test_what_was_not_measured_is_guessed_and_named() -> None:
    found = predictor({"a": (1.0, 1.0, 1.0, 1.0)}, model=FakeModel(), error=0.02).predict(tiny())
    assert found.ms == 5.0
    assert found.guessed == ["kernel_b"]
    assert found.interval_ms == pytest.approx(1.96 * (0.1**2 + 0.3**2) ** 0.5)


def test_without_a_model_nothing_is_guessed() -> None:
    with pytest.raises(InputError, match=r"1 kernels were not measured(?s:.*)kernel_b"):
        predictor({"a": (1.0, 1.0, 1.0, 1.0)}).predict(tiny())


def test_the_overhead_of_calls_is_fitted_to_whole_networks() -> None:
    """Both have 0.01 ms a call beside their kernels, and nothing else."""
    networks = [Comparison("x", 50, 4.5, 5.0), Comparison("y", 20, 1.8, 2.0)]
    assert overhead(networks) == pytest.approx(0.01)
    whole = predictor({})
    calibrate(whole, networks)
    assert whole.overhead_ms == pytest.approx(0.01)
    assert whole.error == 0.01


def test_an_overhead_is_never_negative_but_kernels_may_be_scaled() -> None:
    """Sums are 10 and 30 % too large: the scale is 2.4 / (1.1^2 + 1.3^2).

    Each alone would be scaled by the other's 1/1.3 or 1/1.1.
    """
    networks = [Comparison("x", 50, 5.5, 5.0), Comparison("y", 50, 2.6, 2.0)]
    whole = predictor({})
    calibrate(whole, networks)
    assert whole.overhead_ms == 0.0
    assert whole.scale == pytest.approx(2.4 / 2.9)
    errors = 1.1 / 1.3 - 1, 1.3 / 1.1 - 1
    assert whole.error == pytest.approx(((errors[0] ** 2 + errors[1] ** 2) / 2) ** 0.5)
    calibrate(whole, [])
    assert whole.scale == 1.0
    assert (whole.overhead_ms, whole.error) == (0.0, 0.05)

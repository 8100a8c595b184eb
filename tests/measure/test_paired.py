"""Networks in turns, by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from support.compiled import Compiled
from support.devices import DEVICE, FakeConnection, option

from mnv3gen.devices.connection import Output
from mnv3gen.errors import DeviceLostError, NoisyError
from mnv3gen.measure.network import bundle_identity
from mnv3gen.measure.paired import Paired, measure_beside
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.session import Session

PROTOCOL = Protocol(cpu=1, runs=20, seconds=0.01)


def test_the_ratio_is_of_rounds() -> None:
    """Times drift by a factor of two, and the ratio does not."""
    pair = Paired((1.0, 2.0, 4.0), (0.9, 1.8, 3.6))
    assert pair.ratio == pytest.approx(0.9)
    assert pair.error == pytest.approx(0)
    assert (pair.before_ms, pair.after_ms) == (2.0, 1.8)


def test_the_error_of_a_median() -> None:
    """Ratios 0.8, 0.9, 0.9, 1.0: median deviation 0.05, and so 1.4826 * sqrt(pi / 2) of it / 2."""
    pair = Paired((1.0,) * 4, (0.8, 0.9, 0.9, 1.0))
    assert pair.error == pytest.approx(0.05 * 1.4826 * math.sqrt(math.pi / 2) / 2, rel=1e-3)


class Board:
    """A device on which every program takes the next of its times."""

    def __init__(self, compiled: Compiled, **times: Sequence[Any]) -> None:
        self.identity = bundle_identity(compiled.bundle)
        self.times = {name: iter(each) for name, each in times.items()}

    def __call__(self, arguments: Sequence[str]) -> Output:
        answer: dict[str, Any] = {
            "version": self.identity,
            "first_ms": 1.0,
            "max_error": 0.0,
            "correct": True,
        }
        if "--check" not in arguments:
            median = next(self.times[arguments[0].removeprefix("./")])
            if isinstance(median, Exception):
                raise median
            runs = int(option(arguments, "--runs"))
            answer |= {"runs": runs, "times_ms": [median] * runs}
        return Output(0, json.dumps(answer))


def beside(
    compiled: Compiled, rounds: int, *times: Sequence[Any], known: Sequence[float]
) -> Paired:
    """What comes of a device with such times, those of `known` ms first."""
    board = Board(compiled, **{f"turn-{number}": each for number, each in enumerate(times)})
    session = Session(DEVICE, FakeConnection(board).open, pause=0.0)
    others = [(compiled.bundle, ms) for ms in known]
    return measure_beside(session, others, compiled.bundle, PROTOCOL, rounds, 0.01)


@pytest.mark.compile
def test_turns_alternate(tiny_bundle: Compiled) -> None:
    found = beside(tiny_bundle, 3, [2.0, 4.0, 2.0], [1.0, 2.0, 1.0], known=[1.0])
    assert (found.before, found.after) == ((2.0, 4.0, 2.0), (1.0, 2.0, 1.0))


@pytest.mark.compile
def test_one_that_was_disturbed_hardly_matters(tiny_bundle: Compiled) -> None:
    """Two of three are 1.5 times as slow as they were, the third was disturbed then: 3 / 1.5."""
    known, new = ([1.5, 1.5], [3.0, 3.0], [6.0, 6.0]), [3.0, 3.0]
    found = beside(tiny_bundle, 2, *known, new, known=[1.0, 2.0, 6.0])
    assert found.before == (1.5, 1.5)
    assert found.ratio == 2.0


@pytest.mark.compile
def test_unsteady_ratios_are_refused(tiny_bundle: Compiled) -> None:
    wild = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    with pytest.raises(NoisyError, match="uncertain"):
        beside(tiny_bundle, 2, [1.0] * 8, wild, known=[1.0])


@pytest.mark.compile
def test_what_is_fast_may_be_less_certain(tiny_bundle: Compiled) -> None:
    """Errors are parts of the known 1 ms: of 0.1 ms a tenth more or less is a hundredth of that."""
    found = beside(tiny_bundle, 3, [1.0] * 3, [0.1, 0.11, 0.105], known=[1.0])
    assert len(found.ratios) == 3
    assert found.error > 0.01 * found.ratio


@pytest.mark.compile
def test_a_device_that_comes_back_goes_on(tiny_bundle: Compiled) -> None:
    lost = DeviceLostError("fake", "gone")
    found = beside(tiny_bundle, 2, [lost, 1.0, 1.0], [0.5, 0.5], known=[1.0])
    assert found.ratio == 0.5

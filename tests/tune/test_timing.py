"""Timing in turns: what is kept of the times, and which candidates leave."""

from __future__ import annotations

import numpy as np
import pytest

from mnv3gen.tune.timing import LONG_ROUNDS, timed, worth


class Fake:
    """Takes the given times, one a measurement, first of all those that set the calls."""

    def __init__(self, *times: float) -> None:
        self.times = iter(times)
        self.calls: list[int] = []

    def microseconds(self, calls: int) -> float:
        self.calls.append(calls)
        return next(self.times)


def test_median_least_and_spread() -> None:
    fake = Fake(200.0, 10.0, 30.0, 20.0, 40.0, 50.0)
    (timing,) = timed([fake], rounds=5)
    assert (timing.median, timing.least) == (30.0, 10.0)
    assert timing.spread == pytest.approx((50 - 10) / 30)
    assert fake.calls == [1, 1, 1, 1, 1, 1]  # 250 us a block: one call of 200


def test_a_first_call_does_not_decide_how_many_make_a_block() -> None:
    """100, 2 * 40, then 4 * 35 of 140 us, more than half of a block: 250 / 35 are 7 calls."""
    fake = Fake(100.0, 40.0, 35.0, *[33.0] * 3)
    timed([fake], rounds=3)
    assert fake.calls == [1, 2, 4, 7, 7, 7]


def test_hopeless_candidates_leave_and_the_rule_stays() -> None:
    rule, fast, slow = Fake(*[300.0] * 7), Fake(*[200.0] * 7), Fake(*[231.0] * 7)
    timed([rule, fast, slow], rounds=6)
    assert [len(fake.calls) - 1 for fake in (rule, fast, slow)] == [6, 6, 3]


def test_on_a_restless_machine_more_is_asked_for() -> None:
    """Beside the ratios of two medians of equal normal times, drawn by numpy."""
    generator = np.random.default_rng(0)
    times = generator.normal(100, 5, (2, 20_000, LONG_ROUNDS))
    first, second = np.median(times, axis=2)
    low, high = np.quantile(times, (0.1, 0.9))
    error = float(np.std(first / second))
    assert 1 - worth(float(high - low) / 100) == pytest.approx(2 * error, rel=0.05)
    assert worth(0.02) == worth(0.0) == 0.99

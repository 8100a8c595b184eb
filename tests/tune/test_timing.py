"""Timing in turns: what is kept of the times, and which candidates leave."""

from __future__ import annotations

import pytest

from mnv3gen.tune.timing import timed


class Fake:
    """Takes the given times, one a measurement, after a first one that sets the calls."""

    def __init__(self, *times: float) -> None:
        self.times = iter((times[0], *times))
        self.calls: list[int] = []

    def microseconds(self, calls: int) -> float:
        self.calls.append(calls)
        return next(self.times)


def test_median_least_and_spread() -> None:
    fake = Fake(50.0, 10.0, 30.0, 20.0, 40.0)
    (timing,) = timed([fake], rounds=5)
    assert (timing.median, timing.least) == (30.0, 10.0)
    assert timing.spread == pytest.approx((50 - 10) / 30)
    assert fake.calls == [1, 5, 5, 5, 5, 5]  # 250 us a block, by the first call's 50


def test_hopeless_candidates_leave_and_the_rule_stays() -> None:
    rule, fast, slow = Fake(*[200.0] * 6), Fake(*[100.0] * 6), Fake(*[116.0] * 6)
    timed([rule, fast, slow], rounds=6)
    assert [len(fake.calls) - 1 for fake in (rule, fast, slow)] == [6, 6, 3]

"""The reward and the median rule, by hand."""

from __future__ import annotations

import pytest

from mnv3gen.search.accuracy import Accuracy
from mnv3gen.search.accuracy.stopping import bar_of, is_hopeless
from mnv3gen.search.reward import EXPONENTS, reward


def test_doubling_the_latency_is_worth_five_percent() -> None:
    """Section 3 of the MnasNet paper, which takes w = -0.07 from that."""
    half = reward(0.70, 80, 80, EXPONENTS["large"])
    assert reward(0.70 * 1.05, 160, 80, EXPONENTS["large"]) == pytest.approx(half, rel=1e-3)


def test_small_networks_weigh_latency_more() -> None:
    """Section 4.1 of the paper: w = -0.15 instead of -0.07. 2^-0.15 is 0.9013."""
    assert reward(0.5, 2.0, 1.0, EXPONENTS["small"]) == pytest.approx(0.5 * 0.9013, rel=1e-4)
    assert EXPONENTS["large"] == (-0.07, -0.07)


def test_a_hard_target_rewards_no_haste() -> None:
    """MnasNet's section 3.1, alpha 0 and beta -1: a quarter above the target costs a fifth."""
    assert reward(0.5, 0.2, 1.0, EXPONENTS["hard"]) == 0.5
    assert reward(0.5, 1.0, 1.0, EXPONENTS["hard"]) == 0.5
    assert reward(0.5, 1.25, 1.0, EXPONENTS["hard"]) == pytest.approx(0.4)


def trial(*curve: float) -> Accuracy:
    """A proxy's accuracy with such a curve."""
    return Accuracy(value=curve[-1], evaluator="proxy", images=1, seed=0, curve=curve)


def test_the_median_rule() -> None:
    """Of 0.1 to 0.8 the median is 0.45; the last of three epochs has no bar."""
    earlier = [trial(number / 10, 0.5, 0.9) for number in range(1, 9)]
    bar = bar_of(earlier)
    assert bar == pytest.approx((0.45, 0.5))
    assert is_hopeless(1, 0.44, bar)
    assert not is_hopeless(1, 0.45, bar)
    assert is_hopeless(2, 0.49, bar)
    assert not is_hopeless(3, 0.0, bar)


def test_the_median_is_of_those_that_came_so_far() -> None:
    earlier = [trial(0.2, 0.5, 0.9)] * 7 + [trial(0.1)]
    assert bar_of(earlier) == (0.2,)  # seven have a second epoch, eight are needed
    assert bar_of(earlier[:7]) == ()
    assert bar_of([]) == ()

"""Statistics worked out by hand."""

from __future__ import annotations

import pytest

from mnv3gen.bench.summary import Summary, quantile, summarize


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (0.1, 1.4), (0.25, 2), (0.5, 3), (0.9, 7), (1, 9)]
)
def test_quantiles_between_neighbours(share: float, expected: float) -> None:
    # Five values: p10 lies 0.4 of the way from the first to the second, p90 0.6 from 4 to 9.
    assert quantile([1, 2, 3, 4, 9], share) == pytest.approx(expected)


def test_a_summary() -> None:
    found = summarize([9, 2, 4, 1, 3])
    assert (found.runs, found.min_ms, found.median_ms) == (5, 1, 3)
    assert found.p10_ms == pytest.approx(1.4)
    assert found.spread == pytest.approx((7 - 1.4) / 3)


def test_one_run() -> None:
    assert summarize([2.5]) == Summary(1, 2.5, 2.5, 2.5, 0)

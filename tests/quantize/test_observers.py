"""Ranges from values at the ends of what float32 holds; `test_bias_correction.py` has the rest."""

from __future__ import annotations

import numpy as np
import pytest

from mnv3gen.quantize.observers import OBSERVERS, ObserverName, observer_of


@pytest.mark.parametrize("name", OBSERVERS)
@pytest.mark.parametrize("largest", [1e-45, 1e-40, 1e-31, 3e38])
def test_values_without_bins_are_covered_whole(name: ObserverName, largest: float) -> None:
    observer = observer_of(name)
    with np.errstate(all="raise"):
        observer.add(np.array([0.0, largest, -largest / 2], np.float32))
    low, high = observer.range()
    assert high == np.float32(largest)
    assert low == np.float32(-largest / 2)


@pytest.mark.parametrize("name", OBSERVERS)
def test_a_constant_is_covered(name: ObserverName) -> None:
    observer = observer_of(name)
    for _ in range(3):
        observer.add(np.full((4, 4, 2), 0.94, np.float32))
    low, high = observer.range()
    assert low == 0
    assert high == pytest.approx(0.94, rel=0.02)

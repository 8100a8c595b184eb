"""The loop that measures the core's peak does as many multiply-adds as it claims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mnv3gen.bench.peak import ROUNDS, build_peak
from mnv3gen.bench.runners.peak import Runner
from mnv3gen.targets import load

pytestmark = pytest.mark.compile


def test_every_multiply_add_is_done(tmp_path: Path) -> None:
    peak = build_peak(tmp_path)
    vectors = np.zeros_like(np.load(peak.data))
    vectors[-2], vectors[-1] = 2, 0.5
    runner = Runner(peak.library, vectors, [])
    runner.run()
    runner.run()
    (found,) = runner.outputs()
    # Each lane of each sum gained 2 times a half in every round: whole numbers below 2**24.
    assert (found[:-2] == 2 * ROUNDS).all()
    assert peak.madds == found[:-2].size * ROUNDS
    assert found.shape[1] == load("host").core.vector_bits // 32


def test_sums_stay_ordinary_numbers(tmp_path: Path) -> None:
    peak = build_peak(tmp_path)
    runner = Runner(peak.library, np.load(peak.data), [])
    runner.run()
    (found,) = runner.outputs()
    assert ((found[:-2] > 0.5) & (found[:-2] < 2)).all()

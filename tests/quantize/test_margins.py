"""Expected arg-maxes against the normal distribution's tables and against counting."""

from __future__ import annotations

import numpy as np
import pytest

from mnv3gen.quantize.margins import POSITIONS, Margins


def test_one_margin_of_one_deviation() -> None:
    """Of a normal distribution, 15.87 % lie more than one deviation below, 2.28 % two."""
    found = Margins()
    found.add(np.array([[[5.0, 0.0, 4.0]]]), np.array([[[5.0, 9.0, 5.0]]]))  # 1 apart, off by 1
    assert found.changed == pytest.approx(0.1587, abs=1e-4)
    found.add(np.array([[[2.0, 0.0, -1.0]]]), np.array([[[1.0, 0.0, 7.0]]]))  # 2 apart, off by 1
    assert found.changed == pytest.approx(0.1587 + 0.0228, abs=1e-4)


def test_without_an_error_nothing_changes() -> None:
    found = Margins()
    scores = np.zeros((3, 2, 4))
    found.add(scores, scores)
    assert found.count == 6
    assert found.changed == 0


def test_a_single_class_has_no_margin() -> None:
    found = Margins()
    found.add(np.ones((2, 2, 1)), np.zeros((2, 2, 1)))
    assert (found.count, found.changed) == (0, 0)


def test_many_positions_are_looked_at_here_and_there() -> None:
    found = Margins()
    found.add(np.ones((100, 100, 2)), np.ones((100, 100, 2)))
    assert POSITIONS / 2 < found.count <= POSITIONS


def test_what_is_expected_is_what_is_counted_of_many() -> None:
    """Of two classes, with errors that are normal."""
    random = np.random.default_rng(5)
    wanted = random.normal(size=(200, 20, 2))
    found = wanted + 0.2 * random.normal(size=wanted.shape)
    margins = Margins()
    margins.add(wanted, found)
    counted = (wanted.argmax(-1) != found.argmax(-1)).mean()
    assert counted > 0.05
    assert margins.changed / margins.count == pytest.approx(counted, abs=0.01)

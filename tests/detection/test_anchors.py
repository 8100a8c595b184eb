"""Anchors against values worked out by hand from the formulas of both libraries.

Scales of six maps: 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, and 1 after them. Square roots by calculator.
"""

from __future__ import annotations

import numpy as np
import pytest

from mnv3gen.detection import CONVENTIONS, anchors

MAPS = ((20, 20), (10, 10), (5, 5), (3, 3), (2, 2), (1, 1))
TORCHVISION = CONVENTIONS["torchvision"]


def test_counts() -> None:
    # 3 * 400, then 6 * (100 + 25 + 9 + 4 + 1); of torchvision 6 * 539.
    assert anchors(MAPS).shape == (2034, 4)
    assert anchors(MAPS, TORCHVISION).shape == (3234, 4)


@pytest.mark.parametrize(
    ("row", "anchor"),
    [
        (0, (0.025, 0.025, 0.1, 0.1)),
        (1, (0.025, 0.025, 0.282843, 0.141421)),  # 0.2 * sqrt(2), 0.2 / sqrt(2)
        (2, (0.025, 0.025, 0.141421, 0.282843)),
        (3, (0.075, 0.025, 0.1, 0.1)),  # the next position is to the right
        (1199, (0.975, 0.975, 0.141421, 0.282843)),
        (1200, (0.05, 0.05, 0.35, 0.35)),
        (1799, (0.95, 0.95, 0.418330, 0.418330)),  # sqrt(0.35 * 0.5)
        (1800, (0.1, 0.1, 0.5, 0.5)),
        (1949, (0.9, 0.9, 0.570088, 0.570088)),  # sqrt(0.5 * 0.65)
        (1950, (1 / 6, 1 / 6, 0.65, 0.65)),
        (2003, (5 / 6, 5 / 6, 0.721110, 0.721110)),  # sqrt(0.65 * 0.8)
        (2004, (0.25, 0.25, 0.8, 0.8)),
        (2027, (0.75, 0.75, 0.871780, 0.871780)),  # sqrt(0.8 * 0.95)
        (2028, (0.5, 0.5, 0.95, 0.95)),
        (2029, (0.5, 0.5, 1.343503, 0.671751)),  # 0.95 * sqrt(2), not clipped
        (2030, (0.5, 0.5, 0.671751, 1.343503)),
        (2031, (0.5, 0.5, 1.645448, 0.548483)),  # 0.95 * sqrt(3)
        (2032, (0.5, 0.5, 0.548483, 1.645448)),
        (2033, (0.5, 0.5, 0.974679, 0.974679)),  # sqrt(0.95)
    ],
)
def test_object_detection(row: int, anchor: tuple[float, ...]) -> None:
    np.testing.assert_allclose(anchors(MAPS)[row], anchor, atol=1e-6)


@pytest.mark.parametrize(
    ("row", "anchor"),
    [
        (0, (0.025, 0.025, 0.2, 0.2)),
        (1, (0.025, 0.025, 0.264575, 0.264575)),  # sqrt(0.2 * 0.35)
        (2, (0.025, 0.025, 0.282843, 0.141421)),
        (3, (0.025, 0.025, 0.141421, 0.282843)),
        (4, (0.025, 0.025, 0.346410, 0.115470)),  # 0.2 * sqrt(3), 0.2 / sqrt(3)
        (2399, (0.975, 0.975, 0.115470, 0.346410)),
        (2400, (0.05, 0.05, 0.35, 0.35)),
        (3227, (0.75, 0.75, 0.461880, 1.0)),  # 0.8 * sqrt(3) is clipped
        (3228, (0.5, 0.5, 0.95, 0.95)),
        (3230, (0.5, 0.5, 1.0, 0.671751)),
        (3233, (0.5, 0.5, 0.548483, 1.0)),
    ],
)
def test_torchvision(row: int, anchor: tuple[float, ...]) -> None:
    np.testing.assert_allclose(anchors(MAPS, TORCHVISION)[row], anchor, atol=1e-6)


def test_maps_that_are_not_square() -> None:
    # Two rows of three positions; the second one lies in the middle of the upper row.
    found = anchors([(2, 3)])
    np.testing.assert_allclose(
        found[::3, :2] * [6, 4], [[1, 1], [3, 1], [5, 1], [1, 3], [3, 3], [5, 3]]
    )


def test_an_input_that_is_not_square() -> None:
    # A tenth of 160 pixels is a twentieth of 320: the square stays one. torchvision's stretches.
    wide = anchors([(10, 20)], input_shape=(160, 320))
    np.testing.assert_allclose(wide[0], (0.025, 0.05, 0.05, 0.1))
    # A single map's scales are 0.2 and 0.95 after it: sqrt(0.19).
    stretched = anchors([(10, 20)], TORCHVISION, input_shape=(160, 320))
    np.testing.assert_allclose(stretched[0], (0.025, 0.05, 0.2, 0.2))
    np.testing.assert_allclose(stretched[1], (0.025, 0.05, 0.435890, 0.435890), atol=1e-6)

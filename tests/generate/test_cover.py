"""How ranges are cut into tiles, panels and vectors: worked by hand, and for any sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnv3gen.generate.cover import Lanes, Run, Taps, balanced, panels, vectors, window_taps

SIZES = st.integers(1, 400)
LANES = st.sampled_from([1, 2, 4, 8, 16])


def positions(runs: list[Run]) -> list[int]:
    """What the tiles cover, in order."""
    return [
        start + offset
        for run in runs
        for start in range(run.start, run.stop, run.size)
        for offset in range(run.size)
    ]


@pytest.mark.parametrize(
    ("extent", "most", "expected"),
    [
        (49, 4, [Run(0, 4, 10), Run(40, 3, 3)]),  # 13 tiles: 40 pixels and 9
        (8, 4, [Run(0, 4, 2)]),
        (7, 7, [Run(0, 7, 1)]),
        (7, 12, [Run(0, 7, 1)]),
        (5, 4, [Run(0, 3, 1), Run(3, 2, 1)]),
        (3, 1, [Run(0, 1, 3)]),
    ],
)
def test_balanced_tiles(extent: int, most: int, expected: list[Run]) -> None:
    assert balanced(extent, most) == expected


@given(SIZES, st.integers(1, 20))
def test_balanced_tiles_are_few_and_nearly_equal(extent: int, most: int) -> None:
    runs = balanced(extent, most)
    sizes = [run.size for run in runs for _ in range(run.count)]
    assert positions(runs) == list(range(extent))
    assert len(sizes) == -(-extent // most)
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("channels", "lanes", "most", "expected"),
    [
        (64, 8, 3, [Run(0, 24, 2), Run(48, 16, 1)]),  # 8 registers: 3, 3 and 2
        (72, 8, 3, [Run(0, 24, 3)]),
        (40, 4, 4, [Run(0, 16, 1), Run(16, 12, 2)]),  # 10 registers: 4, 3 and 3
        (37, 8, 3, [Run(0, 16, 2), Run(32, 5, 1)]),
        (5, 8, 3, [Run(0, 5, 1)]),
        (8, 8, 1, [Run(0, 8, 1)]),
    ],
)
def test_panels(channels: int, lanes: int, most: int, expected: list[Run]) -> None:
    assert panels(channels, lanes, most) == expected


@given(SIZES, LANES, st.integers(1, 8))
def test_panels_hold_whole_registers_but_for_the_last(channels: int, lanes: int, most: int) -> None:
    runs = panels(channels, lanes, most)
    assert positions(runs) == list(range(channels))
    assert all(run.size <= most * lanes for run in runs)
    *whole, last = runs
    assert all(run.size % lanes == 0 for run in whole)
    assert last.size % lanes == 0 or (last.size == channels % lanes and last.count == 1)


@pytest.mark.parametrize(
    ("width", "lanes", "expected"),
    [
        (24, 8, [Lanes(0, 8), Lanes(8, 8), Lanes(16, 8)]),
        (7, 8, [Lanes(0, 4), Lanes(4, 2), Lanes(6, 1)]),
        (21, 16, [Lanes(0, 16), Lanes(16, 4), Lanes(20, 1)]),
        (1, 4, [Lanes(0, 1)]),
        (0, 4, []),
    ],
)
def test_vectors(width: int, lanes: int, expected: list[Lanes]) -> None:
    assert vectors(width, lanes) == expected


@given(SIZES, LANES)
def test_vectors_lie_one_after_the_other(width: int, lanes: int) -> None:
    end = 0
    for piece in vectors(width, lanes):
        assert piece.offset == end
        assert piece.lanes in (1, 2, 4, 8, 16)
        assert piece.lanes <= lanes
        end += piece.lanes
    assert end == width


@pytest.mark.parametrize(
    ("outputs", "inputs", "window", "stride", "dilation", "before", "expected"),
    [
        # 3x3 at the same size: the first sees no tap 0, the last no tap 2.
        (5, 5, 3, 1, 1, 1, [Taps(0, 1, 1, 3), Taps(1, 3, 0, 3), Taps(4, 1, 0, 2)]),
        # TensorFlow's SAME at stride 2: 8 inputs, the odd pixel of padding after them.
        (4, 8, 3, 2, 1, 0, [Taps(0, 3, 0, 3), Taps(3, 1, 0, 2)]),
        # Windows that are larger than the image: both see only what is there.
        (2, 2, 5, 1, 1, 2, [Taps(0, 1, 2, 4), Taps(1, 1, 1, 3)]),
        # Dilation 2 on three inputs: outputs start at -2, -1, 0 and see 0 and 2, 1, 0 and 2.
        (3, 3, 3, 1, 2, 2, [Taps(0, 1, 1, 3), Taps(1, 1, 1, 2), Taps(2, 1, 0, 2)]),
        (4, 4, 1, 1, 1, 0, [Taps(0, 4, 0, 1)]),
    ],
)
def test_window_taps(
    outputs: int,
    inputs: int,
    window: int,
    stride: int,
    dilation: int,
    before: int,
    expected: list[Taps],
) -> None:
    assert window_taps(outputs, inputs, window, stride, dilation, before) == expected


@given(
    st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(1, 3), st.integers(1, 3)
)
def test_window_taps_lie_inside(
    outputs: int, inputs: int, window: int, stride: int, dilation: int
) -> None:
    before = (window - 1) * dilation // 2
    groups = window_taps(outputs, inputs, window, stride, dilation, before)
    assert [p for g in groups for p in range(g.start, g.start + g.count)] == list(range(outputs))
    for group in groups:
        for position in range(group.start, group.start + group.count):
            for tap in range(window):
                inside = 0 <= position * stride - before + tap * dilation < inputs
                assert inside == (group.first <= tap < group.last)

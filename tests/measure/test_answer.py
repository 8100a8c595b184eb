"""What comes back from a device is checked, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mnv3gen.errors import DeviceError
from mnv3gen.measure.answer import read_checked, read_kernel_line
from mnv3gen.measure.protocol import State, Times

RIGHT: dict[str, Any] = {
    "version": "net 12 rpi4 mnv3gen 0.1.0",
    "first_ms": 12.5,
    "max_error": 1e-6,
    "correct": True,
    "before": {"governor": "performance", "khz": "1500000", "load": "0.08 0.02 0.01 1/99 7"},
    "runs": 20,
    "times_ms": [10.0, *[10.25] * 9, 10.5, *[10.75] * 6, 11.0, 11.5, 12.0],
    "after": {"millicelsius": "48312", "khz": "?"},
}
THREE = {"min_ms": 1.0, "median_ms": 1.5, "p90_ms": 2.0}
LINE: dict[str, Any] = {"kernel": 4, "runs": 15, "small_cold": THREE, "cold": THREE}


def checked(**changes: Any) -> Any:
    return read_checked(json.dumps(RIGHT | changes), "pi", RIGHT["version"], 20)


def test_a_right_answer() -> None:
    answer = checked()
    times = Times.of(answer.times_ms)
    assert times == Times(10.0, 10.5, 11.0, 20)
    assert times.spread == pytest.approx(0.05)
    assert answer.before.checked() == State(governor="performance", khz=1500000, load=0.08)
    assert answer.after.checked() == State(millicelsius=48312)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "another 12 rpi4 mnv3gen 0.1.0"},
        {"runs": 19},
        {"runs": "20"},
        {"times_ms": [10.0] * 19},
        {"times_ms": [-1.0] + [10.0] * 19},
        {"times_ms": [1e9] * 20},
        {"times_ms": [None] * 20},
        {"times_ms": "10.0"},
        {"median_ms": 10.0},
        {"surprise": 1},
        {"before": {"governor": "x" * 70000}},
    ],
)
def test_nonsense_is_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(DeviceError, match="pi: nonsense came back"):
        checked(**changes)


@pytest.mark.parametrize("text", ["", "Segmentation fault", "[]", "{", '{"kernel": 1}', "\ud800"])
def test_what_is_no_answer(text: str) -> None:
    with pytest.raises(DeviceError, match="pi: nonsense came back"):
        read_checked(text, "pi", "", 20)
    with pytest.raises(DeviceError, match="pi: nonsense came back"):
        read_kernel_line(text, "pi", 4, 15)


@pytest.mark.parametrize(("error", "told"), [(0.25, "2.50e-01"), (None, "no number")])
def test_wrong_values_are_no_time(error: float | None, told: str) -> None:
    with pytest.raises(DeviceError, match=f"wrong values there: the largest error is {told}"):
        checked(correct=False, max_error=error)


def test_a_kernel() -> None:
    line = read_kernel_line(json.dumps(LINE | {"near": THREE}), "pi", 4, 15)
    assert line.times() == {
        name: Times(1.0, 1.5, 2.0, 15) for name in ("small_cold", "cold", "near")
    }


@pytest.mark.parametrize("changes", [{"kernel": 5}, {"runs": 14}, {"cold": {**THREE, "min_ms": 3}}])
def test_another_kernel_than_asked_for(changes: dict[str, Any]) -> None:
    with pytest.raises(DeviceError, match="pi: nonsense came back"):
        read_kernel_line(json.dumps(LINE | changes), "pi", 4, 15)

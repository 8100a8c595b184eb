"""What is said of pictures that are emulated: before them, and after a few how long it takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mnv3gen.cli.emulated import counted_pictures, duration


def _lines(
    capsys: pytest.CaptureFixture[str], executors: list[str], seconds: float, limited: bool = False
) -> list[str]:
    """What 1,000 pictures that take so long write to stderr, which is no terminal."""
    times: Iterator[float] = iter([0.0, 2 * seconds])
    with counted_pictures("evaluate", 1000, executors, limited, lambda: next(times)) as advance:
        for _ in range(1000):
            advance()
    return capsys.readouterr().err.splitlines()


def test_an_hour_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """998 pictures of 3.6 s are 59.88 minutes."""
    assert _lines(capsys, ["native", "unicorn"], 3.6) == [
        "emulated  by unicorn: 1,000 pictures",
        f"{'':10}3.6 s a picture, about 60 min to go; --limit N takes so many, at equal distances",
    ]
    limited = _lines(capsys, ["unicorn", "unicorn"], 3.6, limited=True)
    assert limited[1:] == ["          3.6 s a picture, about 60 min to go"]


def test_what_is_quick_or_native_says_less(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(_lines(capsys, ["qemu"], 0.01)) == 1
    assert _lines(capsys, ["native"], 3.6) == []
    assert _lines(capsys, ["torch"], 3.6) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(40.2, "40 s"), (720, "12 min"), (9000, "2.5 h"), (89, "89 s")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text

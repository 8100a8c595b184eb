"""The bars of a profile, and the picture of them where matplotlib is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mnv3gen.errors import InputError
from mnv3gen.profile.instructions import InstructionProfile, KernelWork, LoopWork, Work
from mnv3gen.profile.plot import bars_of, check_plot, draw
from mnv3gen.profile.times import CallTime, TimeProfile

TIMES = TimeProfile(
    (
        CallTime("conv1x1_1x5x4_1x5x6_f32", 1, 3),
        CallTime("pool_4x4x4_1x1x4_f32", 1, 2),
        CallTime("conv1x1_1x5x6_1x5x6_f32", 2, 5),
    ),
    rounds=9,
    min_ms=4,
    median_ms=10,
)
LOOPS = (
    LoopWork(64, innermost=True, iterations=10, share=0.8, work=Work(80, fmlas=40, spills=20)),
    LoopWork(32, innermost=False, iterations=2, share=0.05, work=Work(5)),
)
INSTRUCTIONS = InstructionProfile(
    (
        KernelWork("dwconv3x3_4x4x8_4x4x8_f32", True, 2, 1, Work(100, fmlas=40), LOOPS, {}),
        KernelWork("net_run", False, 1, None, Work(7), (), {}),
    )
)


def test_bars_of_times() -> None:
    bars = bars_of(TIMES, "net for host")
    assert (bars.label, bars.value) == ("net for host: 10.00 ms", 10)
    assert [(part.label, part.value) for part in bars.parts] == [("conv1x1", 8), ("pool", 2)]
    assert [part.value for part in bars.parts[0].parts] == [5, 3]


def test_bars_of_instructions_end_in_hot_loops() -> None:
    bars = bars_of(INSTRUCTIONS, "net")
    assert bars.value == 100
    ((kernel,),) = (part.parts for part in bars.parts)
    assert kernel.label == "4x4x8_4x4x8_f32_x2"
    (loop,) = kernel.parts
    assert (loop.label, loop.value, loop.marked) == ("2.00", 80, True)
    assert bars.depth == 4


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_a_picture(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"bars{suffix}"
    draw(bars_of(INSTRUCTIONS, "net"), path)
    starts = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[suffix])
    assert list(tmp_path.iterdir()) == [path]


def test_pictures_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"bars\.gif(.|\n)*\.svg"):
        check_plot(tmp_path / "bars.gif")
    with pytest.raises(InputError, match="no such folder"):
        check_plot(tmp_path / "no" / "bars.svg")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match=r"not installed(.|\n)*mnv3gen\[plot\]"):
        check_plot(tmp_path / "bars.svg")

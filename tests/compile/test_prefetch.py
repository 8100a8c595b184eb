"""Which weights are asked for ahead, worked out by hand.

On the core below a fifth of 512 KiB, 104,857 bytes, may wait in the cache. A pointwise convolution
has time for a line of 64 bytes in 40 vector multiply-adds, 320 multiply-adds; a matrix-vector
product asks for nothing.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from mnv3gen.compile.calls import Call
from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.plan import Choice, Plan, Step
from mnv3gen.compile.prefetch import plan_prefetch
from mnv3gen.compile.schedules import generators
from mnv3gen.generate.group import Group
from mnv3gen.targets import Core

CORE = Core(
    name="small",
    vector_bits=256,
    vector_registers=16,
    clock_mhz=1000,
    cache_line=64,
    l1d_kib=32,
    l2_kib=512,
)
SCHEDULES = {schedule.name: schedule for schedule in generators()}


def step(size: int, read: int, written: int) -> Step:
    """A 1x1 convolution of size x size pixels with its weights; one pixel is a product."""
    kernel = Kernel("conv", (size, size, read), (size, size, written), epilogue=("bias",))
    weight = np.zeros((1, 1, read, written), np.float32)
    call = Call(kernel, ("x", weight, np.zeros((1, 1, 1, written), np.float32)), "y")
    schedule = SCHEDULES["fully_connected" if size == 1 else "pointwise"]
    group = Group((kernel,), ((-1,),), (0,))
    return Step(group, schedule, Choice(), (call,), ("x",), ("y",), cost=1.0)


def planned(*steps: Step, core: Core = CORE) -> list[tuple[int, int]]:
    return [(it.ahead, it.ahead_from) for it in plan_prefetch(Plan(steps), core).steps]


def test_two_steps_share_what_neither_has_time_for() -> None:
    """Weights end at 8,448, 25,088 and 158,208.

    The second has time for 7 * 7 * 64 * 64 / 320 = 627 lines. When it ends, 25,088 + 104,857 =
    129,945 may be there, so it asks for what lies before that: from 129,945 - 627 * 64 = 89,817.
    The first has time for 313 lines, those before: from 89,817 - 313 * 64 = 69,785.
    """
    first, second, last = planned(step(7, 32, 64), step(7, 64, 64), step(1, 64, 512))
    assert first == (313, 69_785)
    assert second == (627, 89_817)
    assert last == (0, 158_208)


def test_no_more_than_there_is() -> None:
    """The product's (64 * 64 + 64) * 4 = 16,640 bytes are 260 lines, from where its own end."""
    assert planned(step(14, 64, 64), step(1, 64, 64))[0] == (260, 16_640)


def test_no_further_than_the_cache_reaches() -> None:
    """There is time for 2,508 lines; 104,857 bytes are 1,639. The start is not before its own."""
    assert planned(step(14, 64, 64), step(1, 64, 512))[0] == (1639, 16_640)


@pytest.mark.parametrize(("l3_kib", "lines"), [(0, 1639), (256, 1639), (1024, 2080)])
def test_the_largest_cache_counts(l3_kib: int, lines: int) -> None:
    """A fifth of 1 MiB holds all 133,120 bytes of the product: 2,080 lines."""
    core = msgspec.structs.replace(CORE, l3_kib=l3_kib)
    assert planned(step(14, 64, 64), step(1, 64, 512), core=core)[0][0] == lines


def test_equal_kernels_have_equal_lines() -> None:
    """They are one function: the last asks for as much as the first, though nothing follows.

    After the first lie the product's 16,640 bytes and the last one's: 33,280, or 520 lines.
    """
    first, product, last = planned(step(14, 64, 64), step(1, 64, 64), step(14, 64, 64))
    assert first == (520, 16_640)
    assert product[0] == 0
    assert last == (520, 49_920)


def test_what_cannot_prefetch_does_not() -> None:
    assert [lines for lines, _ in planned(step(1, 64, 64), step(1, 64, 512))] == [0, 0]

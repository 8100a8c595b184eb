"""The plan: names of groups, the cheapest cut, what records change, and prefetching."""

from __future__ import annotations

import itertools
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from support.tuning import record

from mnv3gen.compile.calls import Call, Calls
from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.plan import Plan, Step, candidates, cheapest, make_plan
from mnv3gen.compile.prefetch import plan_prefetch
from mnv3gen.compile.tuned import NOTHING, Tuned
from mnv3gen.generate.group import Group
from mnv3gen.targets import Core, load

CORE = Core(
    name="small",
    vector_bits=256,
    vector_registers=16,
    clock_mhz=1000,
    cache_line=64,
    l1d_kib=32,
    l2_kib=512,
)


def expansion(size: int, read: int, channels: int) -> Kernel:
    shape = (size, size, channels)
    return Kernel("conv", (size, size, read), shape, epilogue=("bias", "relu"))


def depthwise(size: int, channels: int) -> Kernel:
    shape = (size, size, channels)
    return Kernel("dwconv", shape, shape, window=3, padding=(1, 1, 1, 1), epilogue=("bias", "relu"))


def bneck(size: int = 56, read: int = 24, channels: int = 72) -> Calls:
    """An expansion and a depthwise convolution, with weights of zeros."""
    expand, slide = expansion(size, read, channels), depthwise(size, channels)
    first = np.zeros((1, 1, read, channels), np.float32)
    second = np.zeros((3, 3, channels, 1), np.float32)
    bias = np.zeros((1, 1, 1, channels), np.float32)
    calls = (
        Call(expand, ("input", first, bias), "t0"),
        Call(slide, ("t0", second, bias), "t1"),
    )
    return Calls(calls, (size, size, read), ("t1",))


def schedules(plan: Plan) -> list[str]:
    return [step.schedule.name for step in plan.steps]


def test_taps_outside_of_the_image_cost_nothing() -> None:
    """Of 3x3 over 3x3 pixels 7 of 9 an axis are inside, so 49 of 81; 288 bytes in and out."""
    shape = (3, 3, 8)
    slide = Kernel("dwconv", shape, shape, window=3, padding=(1, 1, 1, 1), epilogue=("bias",))
    weight, bias = np.zeros((3, 3, 8, 1), np.float32), np.zeros((1, 1, 1, 8), np.float32)
    calls = Calls((Call(slide, ("input", weight, bias), "t0"),), shape, ("t0",))
    (step,) = make_plan(calls, CORE).steps
    assert step.cost == pytest.approx(300 + 49 / 0.55 + 2 * 0.5 * 288 / 32)


@pytest.mark.parametrize(("size", "read", "groups"), [(2, 64, 3), (3, 64, 3), (16, 24, 1)])
def test_narrow_rows_of_long_vectors_are_computed_apart(size: int, read: int, groups: int) -> None:
    """As measured on a Zen 4 core: 1.1 to 1.4 times as fast as together at 2x2 and 3x3 pixels."""
    core = msgspec.structs.replace(CORE, vector_bits=512, vector_registers=32)
    wide = 4 * read
    project = Kernel("conv", (size, size, wide), (size, size, read), epilogue=("bias",))
    weight, bias = np.zeros((1, 1, wide, read), np.float32), np.zeros((1, 1, 1, read), np.float32)
    calls = (*bneck(size, read, wide).calls, Call(project, ("t1", weight, bias), "t2"))
    plan = make_plan(Calls(calls, (size, size, read), ("t2",)), core)
    assert len(plan.steps) == groups


def test_a_bneck_is_computed_together() -> None:
    (step,) = make_plan(bneck(), CORE).steps
    assert step.schedule.name == "expand_depthwise"
    assert step.inputs == ("input",) and step.tensors == ("t1",)
    assert step.cost < step.apart
    assert step.choice.provenance == "rule"


@pytest.mark.parametrize("target", ["cortex-a76", "cortex-a72", "arm_cpu"])
def test_a_wide_bneck_stores_neither_tensor_between(target: str) -> None:
    """V3-Large's second: its input and the depthwise output are 803 KB each, the result 301."""
    first, second = bneck(112, 16, 64).calls
    slide = Kernel("dwconv", (112, 112, 64), (56, 56, 64), window=3, stride=2, padding=(0, 0, 1, 1))
    project = Kernel("conv", (56, 56, 64), (56, 56, 24), epilogue=("bias",))
    weight, bias = np.zeros((1, 1, 64, 24), np.float32), np.zeros((1, 1, 1, 24), np.float32)
    calls = (first, replace(second, kernel=slide), Call(project, ("t1", weight, bias), "t2"))
    (step,) = make_plan(Calls(calls, (112, 112, 16), ("t2",)), load(target).core).steps
    assert (step.inputs, step.tensors) == (("input",), ("t2",))


@pytest.mark.parametrize(("apart_us", "expected"), [(80.0, 2), (125.0, 1)])
def test_what_was_measured_decides(apart_us: float, expected: int) -> None:
    """100 us together: against 80 us apart it does not pay, against 125 it does."""
    (together,) = make_plan(bneck(), CORE).steps
    known = record(
        kernel=together.group.name,
        schedule="expand_depthwise",
        version=together.schedule.version,
        parameters={"vectors": 2, "rows": 4, "pixels": 8},
        median_us=100.0,
        apart_us=apart_us,
    )
    tuned = Tuned({(known.kernel, known.schedule): known})
    plan = make_plan(bneck(), CORE, tuned)
    assert len(plan.steps) == expected
    if expected == 1:
        (step,) = plan.steps
        assert step.choice.parameters == known.parameters
        assert step.choice.provenance == "tuned"
        apart = cheapest(candidates(bneck(), CORE), 0, 2, lambda it: it.cost, None)
        assert step.cost == pytest.approx(0.8 * max(apart, step.apart))


def test_a_record_of_another_version_is_not_used() -> None:
    (together,) = make_plan(bneck(), CORE).steps
    old = record(kernel=together.group.name, schedule="expand_depthwise", version=0)
    plan = make_plan(bneck(), CORE, Tuned({(old.kernel, old.schedule): old}))
    assert plan.steps[0].choice.provenance == "rule"


@pytest.mark.parametrize(("apart_us", "expected"), [(80.0, "pointwise"), (125.0, "convolution")])
def test_a_kernels_schedule_is_measured_too(apart_us: float, expected: str) -> None:
    """By the model pointwise is faster; convolution takes 100 us, pointwise beside it 80 or 125."""
    expand = bneck().calls[:1]
    alone = Calls(expand, (56, 56, 24), ("t0",))
    assert schedules(make_plan(alone, CORE)) == ["pointwise"]
    (other,) = [it for it in candidates(alone, CORE)[0] if it.schedule.name == "convolution"]
    known = record(
        kernel=other.group.name,
        schedule="convolution",
        version=other.schedule.version,
        parameters={"vectors": 2, "rows": 4},
        median_us=100.0,
        apart_us=apart_us,
    )
    (step,) = make_plan(alone, CORE, Tuned({(known.kernel, known.schedule): known})).steps
    assert step.schedule.name == expected


def test_parameters_outside_of_the_space_are_not_used() -> None:
    (together,) = make_plan(bneck(), CORE).steps
    known = record(
        kernel=together.group.name,
        schedule="expand_depthwise",
        version=together.schedule.version,
        parameters={"vectors": 99, "rows": 4, "pixels": 8},
        median_us=100.0,
        apart_us=80.0,
    )
    (step,) = make_plan(bneck(), CORE, Tuned({(known.kernel, known.schedule): known})).steps
    assert (step.schedule.name, step.choice.provenance) == ("expand_depthwise", "rule")


def test_the_cheapest_cut() -> None:
    """Of a, b, ab with costs 5, 4 and 7 the group is cheaper; without it, 9."""
    table = candidates(bneck(), CORE)
    costs = {("pointwise",): 5.0, ("depthwise",): 4.0, ("expand_depthwise",): 7.0}

    def cost(step: Step) -> float:
        return costs.get((step.schedule.name,), 100.0)

    (group,) = [step for step in table[0] if step.schedule.name == "expand_depthwise"]
    assert cheapest(table, 0, 2, cost) == 7.0
    assert cheapest(table, 0, 2, cost, group) == 9.0
    assert cheapest(table, 1, 2, cost) == 4.0


def test_a_tensor_that_others_read_is_written() -> None:
    calls = bneck()
    both = Calls(calls.calls, calls.input_shape, ("t0", "t1"))
    assert schedules(make_plan(both, CORE)) == ["pointwise", "depthwise"]


def test_different_wirings_have_different_names() -> None:
    """Every way in which three kernels of equal shapes may read and be written."""
    kernel = depthwise(8, 8)
    gate = Kernel("gate", (8, 8, 8), (8, 8, 8), others=((8, 8, 8),))
    names = set()
    wirings = list(
        itertools.product([(-1,)], [(0, -2), (0, -1), (-2, 0), (0, 0)], [(1,)], [(2,), (0, 2)])
    )
    for first, second, third, writes in wirings:
        group = Group((kernel, gate, kernel), (first, second, third), writes)
        assert group.name.isidentifier()
        names.add(group.name)
    assert len(names) == len(wirings)


def test_a_chain_has_a_plain_name() -> None:
    expand, slide = expansion(56, 24, 72), depthwise(56, 72)
    group = Group((expand, slide), ((-1,), (0,)), (1,))
    assert group.name == f"{expand.name}__{slide.name}"


def test_weights_are_prefetched_before_they_are_waited_for() -> None:
    """A 1x1 convolution, then a matrix-vector product of 256 x 512 weights.

    The first has 14 * 14 * 64 * 64 multiply-adds in vectors of 8: time for 100,352 / 40 = 2,508
    cache lines. The second reads more than that, but of a core without an L3 only 0.2 of 512 KiB
    may wait in the L2, 104,857 bytes: 1,639 lines, from the end of the first one's weights on.
    """
    calls = Calls(
        (
            Call(
                expansion(14, 64, 64),
                ("input", np.zeros((1, 1, 64, 64), np.float32), np.zeros(64, np.float32)),
                "t0",
            ),
            Call(Kernel("pool", (14, 14, 64), (1, 1, 64)), ("t0",), "t1"),
            Call(
                expansion(1, 64, 512),
                ("t1", np.zeros((1, 1, 256, 512), np.float32), np.zeros(512, np.float32)),
                "t2",
            ),
        ),
        (14, 14, 64),
        ("t2",),
    )
    first, *_, last = plan_prefetch(make_plan(calls, CORE), CORE).steps
    assert last.ahead == 0
    assert first.ahead == 1639
    assert first.ahead_from == first.weight_bytes == 4 * 64 * 65


def test_the_host_has_a_plan_without_records() -> None:
    assert schedules(make_plan(bneck(), load("host").core, NOTHING)) == ["expand_depthwise"]

"""Every generator's kernels compute what a plain reference does, and touch nothing else."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest
from support.emulated_kernels import Emulated
from support.kernel_cases import STORAGES, Case, draw_cases
from support.kernels import build, native, run_native, wrong

from mnv3gen.compile.schedules import Schedule, generators
from mnv3gen.targets import Core, Emulation, Target, load

SCHEDULES = list(generators())
HOST, NEON, ARMV7 = (load(name).core for name in ("host", "arm_cpu", "armv7"))
AVX512 = msgspec.structs.replace(HOST, vector_bits=512, vector_registers=32)


def with_small_cache(core: Core) -> Core:
    """A core that keeps nothing whole of what is larger than a few rows."""
    return msgspec.structs.replace(core, l1d_kib=1, l2_kib=8)


# LLVM compiles the code of each for this machine too, only not as fast as it could be.
CORES = (HOST, *map(with_small_cache, (NEON, ARMV7, AVX512)))
INTEGER_CORES = (HOST, *(msgspec.structs.replace(HOST, products=it) for it in ("pmaddwd", "plain")))
CASES = 24
EMULATED_CASES = {"float32": 3, "int8": 6}
EXPENSIVE = {
    "convolution": 16,
    "depthwise": 16,
    "expand_depthwise": 12,
    "inverted_residual": 8,
    "panel_residual": 8,
}
"""Fewer cases where their code is long."""


def drawn(
    schedule: Schedule,
    cores: tuple[Core, ...],
    count: int,
    storages: tuple[str, ...] = STORAGES,
) -> list[Case]:
    """The same cases at every run."""
    random = Random(schedule.name)  # noqa: S311  no secret
    cases = draw_cases(schedule, cores, count, random, storages)
    assert len(cases) == count, f"no form in kernel_cases.py suits {schedule.name}"
    return cases


@pytest.mark.compile
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_values(schedule: Schedule, tmp_path: Path) -> None:
    cores = INTEGER_CORES if schedule.dtype == "int8" else CORES
    cases = drawn(schedule, cores, EXPENSIVE.get(schedule.name, CASES))
    library = build(cases, load("host"), tmp_path)
    failures = []
    with native(library) as handle:
        for number, case in enumerate(cases):
            outputs, problem = run_native(handle, library, number)
            if problem := problem or wrong(case, outputs):
                failures.append(f"{case}: {problem}")
    assert not failures, "\n".join(failures)


def cortex_a15() -> Target:
    """32-bit ARM that converts float16; the shipped armv7 may not."""
    base = load("armv7")
    llvm = msgspec.structs.replace(base.llvm, cpu="cortex-a15", features=("neon", "vfp4", "fp16"))
    emulation = Emulation(unicorn="cortex-a15", qemu="cortex-a15")
    return msgspec.structs.replace(base, llvm=llvm, emulation=emulation)


@pytest.mark.emulate
@pytest.mark.parametrize(
    ("target", "storages", "dtypes"),
    [
        pytest.param(load("arm_cpu"), STORAGES, ("float32", "int8"), id="arm_cpu"),
        pytest.param(load("rpi5"), ("float32",), ("int8",), id="rpi5"),
        pytest.param(load("armv7"), ("float32",), ("float32", "int8"), id="armv7"),
        pytest.param(cortex_a15(), ("float16",), ("float32",), id="cortex-a15"),
    ],
)
def test_values_on_arm(
    target: Target, storages: tuple[str, ...], dtypes: tuple[str, ...], tmp_path: Path
) -> None:
    cores = (target.core, with_small_cache(target.core))
    cases = [
        case
        for schedule in SCHEDULES
        if schedule.dtype in dtypes
        for case in drawn(schedule, cores, EMULATED_CASES[schedule.dtype], storages)
    ]
    library = build(cases, target, tmp_path)
    emulated = Emulated(library, target)
    failures = []
    for number, case in enumerate(cases):
        outputs, problem = emulated.run(number)
        if problem := problem or wrong(case, outputs):
            failures.append(f"{case}: {problem}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("core", CORES, ids=["host", "neon", "armv7", "avx512"])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_the_rule_is_a_choice_of_the_space(schedule: Schedule, core: Core) -> None:
    for case in drawn(schedule, (core,), 4):
        space = schedule.space(case.group, core)
        rule = schedule.rule(case.group, core)
        assert set(rule) == set(space)
        assert all(rule[name] in values for name, values in space.items()), (case, rule)

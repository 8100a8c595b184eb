"""Executed instructions: against counts made by hand, and against unicorn's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from assembled import A72, ENTRY, KERNELS, SPILLING, SUMS, network
from support.compiled import Compiler, tiny
from unicorn import (
    UC_HOOK_BLOCK,
    UC_HOOK_CODE,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_WRITE,
    Uc,
    arm64_const,
    arm_const,
)

from mnv3gen.compile.bundle import Bundle
from mnv3gen.execute.emulator import run_emulated
from mnv3gen.execute.library import read_library
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.profile.decode import decode
from mnv3gen.profile.instructions import (
    InstructionProfile,
    KernelWork,
    Work,
    count_instructions,
    profile_instructions,
)
from mnv3gen.profile.loops import split_blocks
from mnv3gen.profile.stack import vector_stack_accesses
from mnv3gen.profile.summary import summarize

pytestmark = pytest.mark.emulate

ARM = ("arm_cpu", "armv7")
STACK = 1 << 20  # bytes below the first stack pointer


@pytest.fixture
def counted(tmp_path: Path) -> InstructionProfile:
    return count_instructions(network(tmp_path), ENTRY, A72, bytes(64), KERNELS)


def kernel(profile: InstructionProfile, name: str) -> KernelWork:
    (found,) = (each for each in profile.kernels if each.name == name)
    return found


def test_the_driver_is_counted_but_is_no_kernel(counted: InstructionProfile) -> None:
    assert {each.name for each in counted.kernels if each.kernel} == {SUMS, SPILLING}
    driver = kernel(counted, "net_run")
    assert not driver.kernel
    assert driver.work == Work(instructions=9, loads=1, stores=1)


def test_a_nest_of_loops(counted: InstructionProfile) -> None:
    sums = kernel(counted, SUMS)
    assert sums.calls == 2
    assert sums.work == Work(154, fmlas=30, madds=120, loads=30, stores=6)
    assert sums.madds == 2 * 1 * 5 * 4 * 6
    assert sums.lanes_per_madd == 0.5
    assert sums.mnemonics["fmla"] == 30
    assert sums.mnemonics["subs"] == 2 * (3 * 5 + 3)
    inner, outer = sums.loops
    assert (inner.innermost, inner.iterations) == (True, 30)
    assert inner.work == Work(120, fmlas=30, madds=120, loads=30)
    assert inner.work.per_fmla == 4
    assert (outer.innermost, outer.iterations) == (False, 6)
    assert outer.work == Work(30, stores=6)
    assert (inner.share, outer.share) == (120 / 154, 30 / 154)


def test_spills_and_what_is_none(counted: InstructionProfile) -> None:
    spilling = kernel(counted, SPILLING)
    assert spilling.calls == 1
    assert spilling.madds is None
    assert spilling.work.instructions == 4 + 5 + 7 * 8 + 1 + 2 * 5 + 3
    assert spilling.work.spills == 4 * 7
    first, second = spilling.loops
    assert first.work == Work(56, loads=3 * 7, stores=3 * 7, spills=4 * 7)
    assert second.work == Work(10, loads=2, stores=2)
    assert kernel(counted, SUMS).work.spills == 0


def test_the_summary(counted: InstructionProfile) -> None:
    total = 9 + 154 + 79
    assert counted.total.instructions == total
    summary = summarize(counted)
    assert (summary.instructions, summary.fmlas) == (total, 30)
    assert summary.per_fmla == total / 30
    assert summary.pointwise is not None
    assert (summary.pointwise.per_fmla, summary.pointwise.kernel) == (4, SUMS)
    assert summary.single is None
    # inner and outer of the one, both loops of the other: 10 of 79 is a tenth too.
    assert (summary.hot_loops, summary.spilling, summary.spills) == (4, 1, 28)


def test_progress_is_told_for_every_call(tmp_path: Path) -> None:
    told: list[None] = []
    library = network(tmp_path)
    count_instructions(library, ENTRY, A72, bytes(64), KERNELS, lambda: told.append(None))
    assert len(told) == 4  # up to each bl, and the rest


@pytest.mark.parametrize("target", ARM)
def test_totals_are_unicorns_own(compiler: Compiler, target: str) -> None:
    bundle = compiler(tiny(), target).bundle
    executed = 0

    def count(*_: object) -> None:
        nonlocal executed
        executed += 1

    run(bundle, lambda uc, base: uc.hook_add(UC_HOOK_CODE, count))
    profile = profile_instructions(bundle)
    assert profile.total.instructions == executed
    calls = {each.name: each.calls for each in profile.kernels if each.kernel}
    assert calls == {each.name: each.calls for each in bundle.manifest.kernels}


@pytest.mark.parametrize("target", ARM)
def test_stack_accesses_are_those_of_the_stack(compiler: Compiler, target: str) -> None:
    """What was found in the code is what the emulator saw on the stack."""
    bundle = compiler(tiny(), target).bundle
    library = read_library(bundle.library, bundle.machine.architecture)
    stretches: Counter[tuple[int, int]] = Counter()
    seen: set[int] = set()

    def prepare(uc: Uc, base: int) -> None:
        registers = {
            "aarch64": (arm64_const.UC_ARM64_REG_SP, arm64_const.UC_ARM64_REG_PC),
            "arm": (arm_const.UC_ARM_REG_SP, arm_const.UC_ARM_REG_PC),
        }
        stack, counter = registers[library.architecture]
        top = uc.reg_read(stack)
        uc.hook_add(UC_HOOK_BLOCK, lambda _, at, size, __: stretches.update([(at - base, size)]))
        uc.hook_add(
            UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
            lambda *_: seen.add(uc.reg_read(counter) - base),
            begin=top - STACK,
            end=top,
        )

    run(bundle, prepare)
    instructions = decode(library, stretches)
    found: set[int] = set()
    for function in {each for each in library.functions if each.address & ~1 in instructions}:
        first = function.address & ~1
        inside = [each for at, each in instructions.items() if 0 <= at - first < function.size]
        found |= vector_stack_accesses(split_blocks(inside))
    assert found == {address for address in seen if instructions[address].vector}


def run(bundle: Bundle, prepare: Callable[[Uc, int], object]) -> None:
    """Emulate a bundle on its seeded input, with hooks of our own."""
    data = seeded_input(bundle.manifest.input.shape[1:], 0)
    run_emulated(bundle.library, bundle.entry, bundle.machine, data.tobytes(), prepare=prepare)

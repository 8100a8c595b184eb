"""A whole bundle on modelled cores: addresses as unicorn has them, sums, the cache, the command."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.command import mnv3gen
from support.compiled import Compiler, tiny
from unicorn import UC_HOOK_CODE, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, Uc

from mnv3gen.compile.bundle import Bundle
from mnv3gen.cycles import aarch64
from mnv3gen.cycles.core import INTEGERS, NARROW
from mnv3gen.cycles.decoded import NONE
from mnv3gen.cycles.emulated import _REGISTERS
from mnv3gen.cycles.model import model_cycles
from mnv3gen.execute.emulator import run_emulated
from mnv3gen.execute.library import read_library
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.profile.instructions import profile_instructions

pytestmark = pytest.mark.emulate


@pytest.fixture(scope="module")
def bundle(compiler: Compiler) -> Bundle:
    return compiler(tiny(), target="rpi4").bundle


def test_addresses_are_those_that_unicorn_accesses(bundle: Bundle) -> None:
    """Made of registers by the decoder, against unicorn's own hooks for memory."""
    disassembler = aarch64.disassembler()
    seen: list[int] = []
    expected: Counter[bool] = Counter()

    def prepare(uc: Uc, base: int) -> None:
        pending: list[int | None] = [None]

        def code(uc: Uc, address: int, size: int, _: object) -> None:
            word = bytes(uc.mem_read(address, 4))
            (it,) = disassembler.disasm(word, 0)
            memory = aarch64.decode(it).memory
            pending[0] = None
            if memory is not None and memory.base != NONE and not it.mnemonic.startswith("prf"):
                place = uc.reg_read(int(_REGISTERS[memory.base])) + memory.offset
                if memory.index != NONE:
                    place += uc.reg_read(int(_REGISTERS[memory.index])) * memory.scale
                pending[0] = place & (1 << 64) - 1
                seen.append(place)

        def access(uc: Uc, kind: int, address: int, size: int, value: int, _: object) -> None:
            if pending[0] is not None:  # the first piece of what the instruction accesses
                expected[pending[0] == address] += 1
                pending[0] = None

        uc.hook_add(UC_HOOK_CODE, code)
        uc.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, access)

    manifest = bundle.manifest
    data = seeded_input(manifest.input.shape[1:], manifest.expected.seed).tobytes()
    run_emulated(bundle.library, bundle.entry, bundle.machine, data, prepare=prepare)
    assert expected[True] == len(seen) > 1000
    assert expected[False] == 0


def test_floats_have_no_integer_vectors(bundle: Bundle) -> None:
    """The stamp of their cycles leaves out what these cost, so they must not be there."""
    library = read_library(bundle.library, "aarch64")
    disassembler = aarch64.disassembler()
    classes = {
        aarch64.decode(each).classes.removesuffix(NARROW)
        for segment in library.segments
        if segment.executable
        for each in disassembler.disasm(segment.data[-segment.address % 4 :], 0)
    }
    assert "fmla" in classes
    assert not classes & INTEGERS


def test_instructions_are_those_of_the_profile(bundle: Bundle) -> None:
    found, profile = model_cycles(bundle), profile_instructions(bundle)
    assert found.instructions == profile.total.instructions
    counted = {it.name: it.work.instructions for it in profile.kernels}
    assert {it.name: it.instructions for it in found.kernels} == counted
    assert sum(it.cycles for it in found.kernels) == found.cycles
    # Three instructions are decoded a cycle, and every multiply-add takes two of two pipes.
    assert found.cycles >= max(found.instructions / 3, profile.total.fmlas)


def test_they_are_kept_by_what_they_depend_on(bundle: Bundle, cache_folder: Path) -> None:
    first = model_cycles(bundle)
    kept = list((cache_folder / "modelled" / "cycles").glob("*.json"))
    assert kept
    told: list[None] = []
    assert model_cycles(bundle, lambda: told.append(None)) == first
    assert not told
    for path in kept:
        path.write_text("{")  # damaged: modelled again, to the same
    assert model_cycles(bundle, lambda: told.append(None)) == first
    assert told


def test_profile_prints_them(bundle: Bundle) -> None:
    found = model_cycles(bundle)
    printed = mnv3gen("profile", str(bundle.folder), "--cycles", "--json")
    assert json.loads(printed.out)["cycles"] == found.cycles
    text = mnv3gen("profile", str(bundle.folder), "--cycles", "--top", "1").out
    assert "modelled" in text
    assert " ms" not in text


def test_profile_refuses_what_has_no_cycles(compiler: Compiler, bundle: Bundle) -> None:
    arm = compiler(tiny(), target="armv7").bundle
    mnv3gen("profile", str(arm.folder), "--cycles").refused("no description of this target's core")
    options = ("--cycles", "--instructions")
    assert mnv3gen("profile", str(bundle.folder), *options).code == 2


def test_the_numbers_of_registers_are_unicorns() -> None:
    assert len(set(_REGISTERS.tolist())) == 32
    assert np.issubdtype(_REGISTERS.dtype, np.int32)

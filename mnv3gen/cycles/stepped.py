"""A call of native x86-64 code, one instruction at a time, that feeds a simulated core."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.cycles import x86
from mnv3gen.cycles.core import CoreModel
from mnv3gen.cycles.decoded import Decoded
from mnv3gen.cycles.native_library import library
from mnv3gen.cycles.simulator import Simulator
from mnv3gen.cycles.table import Code, build_code
from mnv3gen.errors import Mnv3genError
from mnv3gen.execute.elf import open_elf
from mnv3gen.targets import Core

Array: TypeAlias = npt.NDArray[Any]

POINTERS = 12
MOST_STEPS = 4_000_000
CHAIN_CYCLES = 24  # of a round of `chain` in native/step.c
CHAIN_ROUNDS = 4000


def code_of(path: Path, model: CoreModel) -> Code:
    """The tables of all functions of a library for x86-64."""
    found: dict[int, Decoded] = {}
    for segment in open_elf(path, "x86_64").iter_segments():
        if segment["p_type"] == "PT_LOAD" and segment["p_flags"] & 1:
            for it in x86.disassembler().disasm(segment.data(), segment["p_vaddr"]):
                found[it.address] = x86.decode(it)
    start, last = min(found), max(found)
    return build_code(model, start, last - start + 16, 1, found)


def loaded_at(path: Path, symbol: str, function: Any) -> int:
    """Where a library lies in this process, from one of its functions."""
    dynamic = open_elf(path, "x86_64").get_section_by_name(".dynsym")
    (found,) = dynamic.get_symbol_by_name(symbol)
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return int(address - found["st_value"])


def recorded(
    model: CoreModel, core: Core, code: Code, base: int, function: int, pointers: Sequence[int]
) -> Array:
    """The steps of one call of a native function: (counter, address) of each, relative to nothing.

    Every instruction is a trap, some microseconds. Mnv3genError if this machine allows none.
    """
    native = library()
    native.record.argtypes = [*[ctypes.c_void_p] * 4, ctypes.c_int64]
    native.record.restype = ctypes.c_int64
    simulator = Simulator(model, core, code, base)
    row = (ctypes.c_void_p * POINTERS)(*pointers)
    steps = np.empty((MOST_STEPS, 2), np.uint64)
    count = native.record(simulator.address, function, row, steps.ctypes.data, len(steps))
    if not 0 <= count < len(steps):
        raise Mnv3genError(
            f"{count} steps of a call were recorded, less than {MOST_STEPS} expected"
        )
    return steps[:count].copy()


def replayed(
    model: CoreModel, core: Core, code: Code, base: int, steps: Array, rounds: int = 2
) -> tuple[int, Simulator]:
    """What a core makes of recorded steps: the cycles of the last of some rounds.

    The rounds before it fill the caches.
    """
    simulator = Simulator(model, core, code, base)
    before = 0
    for _ in range(rounds):
        before = simulator.counters.cycles
        simulator.replay(steps)
    return simulator.counters.cycles - before, simulator


def clock_mhz() -> float:
    """The clock of this core right now, from multiplications of three cycles each."""
    chain = library().chain
    chain.argtypes, chain.restype = [ctypes.c_uint64], ctypes.c_uint64
    times = []
    for _ in range(5):
        start = time.perf_counter_ns()
        chain(CHAIN_ROUNDS)
        times.append(time.perf_counter_ns() - start)
    return CHAIN_ROUNDS * CHAIN_CYCLES / min(times) * 1e3


def at_clock(core: Core, mhz: float) -> Core:
    """The core at a measured clock, by which its memory is faster or slower."""
    import msgspec

    return msgspec.structs.replace(core, clock_mhz=max(1, round(mhz)))

"""An emulated call of an Arm library that feeds a simulated core, by unicorn's hooks in C."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc, arm64_const
from unicorn.unicorn_py3.unicorn import uclib

from mnv3gen.compile.bundle import machine_of
from mnv3gen.cycles import aarch64
from mnv3gen.cycles.core import CoreModel
from mnv3gen.cycles.decoded import Decoded
from mnv3gen.cycles.simulator import Simulator
from mnv3gen.cycles.table import Code, build_code
from mnv3gen.errors import Mnv3genError
from mnv3gen.execute import Entry
from mnv3gen.execute.emulator import run_emulated
from mnv3gen.execute.library import Library
from mnv3gen.targets import Target

WORD = 4  # bytes of every instruction
# unicorn's numbers of x0 to x30 and of the stack pointer.
_REGISTERS = np.array(
    [
        *(getattr(arm64_const, f"UC_ARM64_REG_X{number}") for number in range(31)),
        arm64_const.UC_ARM64_REG_SP,
    ],
    np.int32,
)


def simulate_call(
    library: Library,
    entry: Entry,
    target: Target,
    model: CoreModel,
    data: bytes,
    advance: Callable[[], None] = lambda: None,
) -> Simulator:
    """Call a library for aarch64 once; the simulated core that executed it.

    ``advance`` is called for each stretch of the function ``entry`` itself, from another thread.
    """
    machine = machine_of(target)
    code = code_of(library, model)
    found: list[Simulator] = []

    def prepare(uc: Uc, base: int) -> None:
        simulator = Simulator(model, target.core, code, base)
        found.append(simulator)
        attach(uc, simulator)
        driver = library.export(entry.symbol)
        first = base + driver.address
        uc.hook_add(UC_HOOK_BLOCK, lambda *_: advance(), begin=first, end=first + driver.size - 1)

    run_emulated(library.path, entry, machine, data, prepare=prepare)
    (simulator,) = found
    simulator.library.finish(simulator.address)
    return simulator


def code_of(library: Library, model: CoreModel) -> Code:
    """The tables of all code of a library."""
    disassembler = aarch64.disassembler()
    known: dict[bytes, Decoded] = {}
    found: dict[int, Decoded] = {}
    texts = [segment for segment in library.segments if segment.executable]
    start = min(segment.address for segment in texts) // WORD * WORD
    end = max(segment.address + len(segment.data) for segment in texts)
    for segment in texts:
        skipped = -segment.address % WORD
        for at in range(skipped, len(segment.data) - WORD + 1, WORD):
            word = segment.data[at : at + WORD]
            if word not in known:
                (each,) = disassembler.disasm(word, 0)
                known[word] = aarch64.decode(each)
            found[segment.address + at] = known[word]
    return build_code(model, start, end - start, WORD, found)


def attach(uc: Uc, simulator: Simulator) -> None:
    """Have a simulated core execute whatever an emulated processor does."""
    on_code = ctypes.cast(simulator.library.on_code, ctypes.c_void_p)
    read = ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p)
    simulator.library.use_registers(simulator.address, read, _REGISTERS.ctypes.data)
    _hook(uc, UC_HOOK_CODE, on_code, simulator)


def _hook(uc: Uc, kind: int, callback: Any, simulator: Simulator) -> None:
    """A hook that calls a C function: Python's own would take a microsecond an instruction."""
    handle = ctypes.c_size_t()
    add = uclib.uc_hook_add
    address = ctypes.c_void_p(simulator.address)
    first, last = ctypes.c_uint64(1), ctypes.c_uint64(0)  # of all addresses
    before = add.argtypes
    add.argtypes = None
    try:
        status = add(uc._uch, ctypes.byref(handle), kind, callback, address, first, last)
    finally:
        add.argtypes = before
    if status:
        raise Mnv3genError(f"unicorn takes no hook (error {status})")

"""Kernels on their own on a modelled core: emulated twice, so that what they write is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from unicorn import UcError, arm64_const

from mnv3gen.compile.bundle import machine_of
from mnv3gen.compile.schedules import generators
from mnv3gen.cycles.core import CoreModel
from mnv3gen.cycles.emulated import attach, code_of
from mnv3gen.cycles.simulator import Simulator
from mnv3gen.errors import Mnv3genError
from mnv3gen.execute.emulated_cpu import find_cpu, start_cpu
from mnv3gen.execute.emulated_memory import Memory
from mnv3gen.execute.library import read_library
from mnv3gen.targets import Target
from mnv3gen.tune.data import Data
from mnv3gen.tune.kernels import build, build_memory
from mnv3gen.tune.units import Unit
from mnv3gen.tune.worker import TOLERANCE

STACK_BYTES = 1 << 20
IN_REGISTERS = 8  # of a call's arguments; the others lie on the stack (AAPCS64, section 6.8.2)


@dataclass(frozen=True)
class Modelled:
    """Modelled cycles of one call with what it reads in the caches, or None for wrong values."""

    cycles: int | None


def model_units(
    units: Sequence[Unit], target: Target, model: CoreModel, folder: Path, name: str
) -> list[Modelled]:
    """Compile units of one kernel each, check their values and model their cycles.

    Mnv3genError if they cannot be compiled or linked.
    """
    memory = folder / "memory.o"
    objects = [memory.name if memory.is_file() else build_memory(target, folder)]
    path, scratch = build(units, target, folder, name, objects)
    library = read_library(path, target.architecture)
    code = code_of(library, model)
    known: dict[str, Data] = {}
    found = []
    for number, unit in enumerate(units):
        data = known.setdefault(unit.whole.name, Data(unit.whole, 0))
        call = _Call(unit, target, data, scratch[number], path)
        found.append(Modelled(call.cycles(model, code, f"candidate{number}")))
    return found


class _Call:
    """One kernel with its buffers in an emulated memory of its own."""

    def __init__(self, unit: Unit, target: Target, data: Data, scratch: int, path: Path) -> None:
        self.target, self.data = target, data
        (member,) = unit.members
        self.cpu, model = find_cpu(machine_of(target))
        self.uc = start_cpu(self.cpu, model)
        self.memory = Memory(self.uc)
        self.library = read_library(path, target.architecture)
        self.base = self.memory.load(self.library)
        schedules = {schedule.name: schedule for schedule in generators()}
        packed = schedules[member.schedule].pack(
            member.group, target.core, member.parameters, data.weights
        )
        inputs = [*data.inputs, *packed]
        self.pointers = [self._input(number, it) for number, it in enumerate(inputs)]
        self.outputs = [
            self.memory.buffer(f"output{number}", expected.nbytes)
            for number, expected in enumerate(data.expected)
        ]
        self.pointers += [it.address for it in self.outputs]
        if scratch:
            own = self.memory.buffer("scratch", scratch)
            self.pointers.append(own.address)
        self.stop = self.memory.landing()
        self.stack = self.memory.stack(STACK_BYTES)

    def cycles(self, model: CoreModel, code: Any, symbol: str) -> int | None:
        """Of the second call; None if the values are wrong or it touches other memory."""
        simulator = Simulator(model, self.target.core, code, self.base)
        attach(self.uc, simulator)
        function = self.base + self.library.export(symbol).address
        before = 0
        for _ in range(2):
            before = simulator.counters.cycles
            self._place_arguments()
            try:
                self.uc.emu_start(function, self.stop)
            except UcError:
                return None
            simulator.library.finish(simulator.address)
        return simulator.counters.cycles - before if self._is_right() else None

    def _input(self, number: int, array: Any) -> int:
        data = np.ascontiguousarray(array).tobytes()
        return self.memory.buffer(f"input{number}", len(data), data).address

    def _place_arguments(self) -> None:
        extra = self.pointers[IN_REGISTERS:]
        stack = self.stack - (len(extra) * 8 + 15) // 16 * 16
        registers = (arm64_const.UC_ARM64_REG_SP, arm64_const.UC_ARM64_REG_LR)
        for register, value in zip(registers, (stack, self.stop), strict=True):
            self.uc.reg_write(register, value)
        for number, value in enumerate(self.pointers[:IN_REGISTERS]):
            self.uc.reg_write(getattr(arm64_const, f"UC_ARM64_REG_X{number}"), value)
        self.uc.mem_write(stack, b"".join(value.to_bytes(8, "little") for value in extra))

    def _is_right(self) -> bool:
        for output, expected in zip(self.outputs, self.data.expected, strict=True):
            try:
                found = np.frombuffer(output.read(self.uc), expected.dtype)
            except Mnv3genError:  # it wrote beyond its end
                return False
            if expected.dtype == np.int8:
                if not np.array_equal(found, expected):
                    return False
                continue
            error = np.abs(found - expected).max()
            if not error <= TOLERANCE * max(float(np.abs(expected).max()), 1e-6):
                return False
        return True

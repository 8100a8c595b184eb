"""Generated kernels on an emulated Arm processor, where every access outside of a tensor faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from unicorn import UcError

from mnv3gen.execute.emulated_cpu import find_cpu, start_cpu
from mnv3gen.execute.emulated_memory import Memory
from mnv3gen.execute.entry import Machine
from mnv3gen.execute.fault import Layout, explain, watch
from mnv3gen.execute.library import read_library
from mnv3gen.targets import Target
from support.kernels import WRITTEN, Library, arguments

STACK_BYTES = 1 << 20
BY_REGISTER = {"aarch64": 8, "arm": 4}  # arguments; the others lie on the stack
POINTER_BYTES = {"aarch64": 8, "arm": 4}


class Emulated:
    """A library in the memory of an emulated processor."""

    def __init__(self, library: Library, target: Target) -> None:
        assert target.emulation is not None
        machine = Machine(target.architecture, (), target.emulation.unicorn, None)
        self.library, self.machine = library, machine
        self.cpu, model = find_cpu(machine)
        self.uc = start_cpu(self.cpu, model)
        self.file = read_library(library.path, machine.architecture)
        self.accesses = watch(self.uc)
        self.memory = Memory(self.uc)
        self.base = self.memory.load(self.file)
        self.top = self.memory.stack(STACK_BYTES)
        self.stop = self.memory.landing()

    def run(self, number: int) -> tuple[list[npt.NDArray[Any]], str]:
        """Call a case's function: its outputs, and what went wrong."""
        case, generated = self.library.cases[number], self.library.generated[number]
        buffers, addresses = [], []
        for name, content in arguments(case, generated):
            data = None if name in WRITTEN else content.tobytes()
            buffer = self.memory.buffer(name, content.nbytes, data)
            addresses.append(buffer.address)
            if name == "output":
                buffers.append((buffer, content.dtype))
        self._prepare(addresses)
        try:
            self.uc.emu_start(self.base + self.file.export(f"k{number}").address, self.stop)
        except UcError as error:
            layout = Layout(self.file, self.base, tuple(self.memory.regions))
            unicorn = self.machine.unicorn
            return [], explain(self.uc, self.cpu, unicorn, error, self.accesses, layout)
        outputs = [np.frombuffer(buffer.read(self.uc), dtype) for buffer, dtype in buffers]
        code = self.cpu.code(self.uc)
        return outputs, f"returned {code}" if code else ""

    def _prepare(self, addresses: list[int]) -> None:
        """Pass the pointers as the procedure call standards say."""
        architecture = self.machine.architecture
        count, size = BY_REGISTER[architecture], POINTER_BYTES[architecture]
        on_stack = b"".join(address.to_bytes(size, "little") for address in addresses[count:])
        top = (self.top - len(on_stack)) & ~15
        self.uc.mem_write(top, on_stack)
        for number, address in enumerate(addresses[:count]):
            self.uc.reg_write(self.cpu.arguments[0] + number, address)
        self.uc.reg_write(self.cpu.stack, top)
        self.uc.reg_write(self.cpu.link, self.stop)

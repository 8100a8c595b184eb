"""Why an emulated call ended early, in words: what it did, where, and in which function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import capstone
from unicorn import (
    UC_ARCH_ARM64,
    UC_HOOK_MEM_INVALID,
    UC_MEM_FETCH_PROT,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_READ_PROT,
    UC_MEM_READ_UNMAPPED,
    UC_MEM_WRITE_PROT,
    UC_MEM_WRITE_UNMAPPED,
    Uc,
    UcError,
)

from mnv3gen.execute.emulated_cpu import Cpu
from mnv3gen.execute.emulated_memory import Region
from mnv3gen.execute.library import Library

_VERBS = {
    UC_MEM_READ_UNMAPPED: "read",
    UC_MEM_READ_PROT: "read",
    UC_MEM_WRITE_UNMAPPED: "wrote",
    UC_MEM_WRITE_PROT: "wrote",
    UC_MEM_FETCH_UNMAPPED: "executed",
    UC_MEM_FETCH_PROT: "executed",
}


@dataclass(frozen=True)
class Access:
    """An access to memory that is not mapped, or not for this use."""

    verb: str
    address: int
    size: int


@dataclass(frozen=True)
class Layout:
    """Where everything lies that the emulated call may name."""

    library: Library
    base: int
    regions: tuple[Region, ...]

    def locate(self, address: int) -> str:
        """Where the address lies, seen from the region that holds it or else is nearest."""
        near = min(self.regions, key=lambda region: region.distance(address))
        return near.locate(address)

    def function(self, address: int) -> str:
        """The function and file that an address belongs to, as far as the file has names."""
        file = self.library.path.name
        offset = address - self.base
        function = self.library.function_at(offset)
        return f"{function.name} ({file}+{offset:#x})" if function else f"{file}+{offset:#x}"


def watch(uc: Uc) -> list[Access]:
    """A list to which a forbidden access is added; costs nothing until there is one."""
    accesses: list[Access] = []

    def note(uc: Uc, kind: int, address: int, size: int, value: int, data: object) -> bool:
        accesses.append(Access(_VERBS[kind], address, size))
        return False

    uc.hook_add(UC_HOOK_MEM_INVALID, note)
    return accesses


def explain(
    uc: Uc, cpu: Cpu, model: str | None, error: UcError, accesses: Iterable[Access], layout: Layout
) -> str:
    """What a ``Mnv3genError`` says of an emulation that ended with ``error``."""
    position = cpu.position(uc)
    function = layout.function(position & ~1)
    for access in accesses:
        return (
            f"{function} {access.verb} {access.size} bytes where it may not: at "
            f"{access.address:#x}, {layout.locate(access.address)}"
        )
    return (
        f"{function}: the CPU model {model} does not execute the instruction "
        f"{_instruction(uc, cpu, position)} ({error})"
    )


def _instruction(uc: Uc, cpu: Cpu, position: int) -> str:
    try:
        code = bytes(uc.mem_read(position & ~1, 4))
    except UcError:
        return f"at {position & ~1:#x}"
    instruction = next(_disassembler(cpu, position).disasm(code, position & ~1, 1), None)
    if instruction is None:
        return f"{code.hex(' ')} at {position & ~1:#x}"
    text = f"{instruction.mnemonic} {instruction.op_str}"
    return f"{instruction.bytes.hex(' ')} ({text}) at {position & ~1:#x}"


def _disassembler(cpu: Cpu, position: int) -> capstone.Cs:
    if cpu.architecture == UC_ARCH_ARM64:
        return capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    mode = capstone.CS_MODE_THUMB if position & 1 else capstone.CS_MODE_ARM
    return capstone.Cs(capstone.CS_ARCH_ARM, mode | capstone.CS_MODE_V8)

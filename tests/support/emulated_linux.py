"""A static program for 64-bit ARM Linux, run in unicorn: enough system calls for reading files.

It is what qemu-user does, for where that is not installed. The processor is a Cortex-A72.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_ARM64, UC_HOOK_INTR, UC_MODE_ARM, Uc
from unicorn import arm64_const as arm

PAGE = 4096
STACK, STACK_BYTES = 0x7F00_0000_0000, 1 << 20
HEAP, HEAP_BYTES = 0x5000_0000_0000, 1 << 26
ARGUMENTS = [getattr(arm, f"UC_ARM64_REG_X{number}") for number in range(6)]
AT_PHDR, AT_PHENT, AT_PHNUM, AT_PAGESZ, AT_RANDOM = 3, 4, 5, 6, 25
SUPERVISOR_CALL = 2  # unicorn's number of `svc`


@dataclass
class Finished:
    """What a program left."""

    code: int
    out: bytes
    err: bytes


@dataclass
class Process:
    """A process in the making, and what its system calls change."""

    uc: Uc
    written: dict[int, bytearray] = field(default_factory=lambda: {1: bytearray(), 2: bytearray()})
    files: dict[int, int] = field(default_factory=dict)
    code: int | None = None
    free: int = HEAP

    def call(self, number: int, a: int, b: int, c: int) -> int:
        """One system call; what it gives, -errno for an error."""
        known: dict[int, Callable[[], int]] = {
            29: lambda: -errno.ENOTTY,  # ioctl: no output is a terminal
            56: lambda: self.open(b),
            57: lambda: self.close(a),
            62: lambda: os.lseek(self.files[a], _signed(b), c),
            63: lambda: self.read(a, [(b, c)]),
            64: lambda: self.write(a, [(b, c)]),
            65: lambda: self.read(a, self.vectors(b, c)),
            66: lambda: self.write(a, self.vectors(b, c)),
            93: lambda: self.exit(a),
            94: lambda: self.exit(a),
            96: lambda: 1,  # set_tid_address
            214: lambda: 0,  # brk: as it is; musl takes mmap then
            215: lambda: 0,  # munmap
            222: lambda: self.map(b),
            226: lambda: 0,  # mprotect
        }
        return known[number]() if number in known else -errno.ENOSYS

    def open(self, path: int) -> int:
        text = bytearray()
        while byte := self.uc.mem_read(path + len(text), 1)[0]:
            text.append(byte)
        try:
            own = os.open(bytes(text), os.O_RDONLY)
        except OSError as error:
            return -(error.errno or errno.EIO)
        number = 3 + len(self.files)
        self.files[number] = own
        return number

    def close(self, file: int) -> int:
        os.close(self.files[file])
        return 0

    def read(self, file: int, parts: Sequence[tuple[int, int]]) -> int:
        total = 0
        for address, size in parts:
            data = os.read(self.files[file], size)
            self.uc.mem_write(address, data)
            total += len(data)
            if len(data) < size:
                break
        return total

    def write(self, file: int, parts: Sequence[tuple[int, int]]) -> int:
        for address, size in parts:
            self.written[file] += self.uc.mem_read(address, size)
        return sum(size for _, size in parts)

    def vectors(self, address: int, count: int) -> list[tuple[int, int]]:
        """The parts of readv and writev."""
        numbers = struct.unpack(f"<{2 * count}Q", self.uc.mem_read(address, 16 * count))
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def map(self, size: int) -> int:
        at, self.free = self.free, self.free + -(-size // PAGE) * PAGE
        return at if self.free <= HEAP + HEAP_BYTES else -errno.ENOMEM

    def exit(self, code: int) -> int:
        self.code = code
        self.uc.emu_stop()
        return 0


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def run_program(program: Path, *arguments: object) -> Finished:
    """Run it to its end. AssertionError if it ends otherwise; UcError if it goes astray."""
    uc = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    uc.ctl_set_cpu_model(arm.UC_CPU_ARM64_A72)
    uc.reg_write(arm.UC_ARM64_REG_CPACR_EL1, 0b11 << 20)
    process = Process(uc)
    entry, auxiliary = _load(uc, program)
    uc.mem_map(HEAP, HEAP_BYTES)
    uc.mem_map(STACK - STACK_BYTES, STACK_BYTES)
    words = [str(program), *map(str, arguments)]
    uc.reg_write(arm.UC_ARM64_REG_SP, _stack(uc, words, auxiliary))

    def called(_: Uc, number: int, __: object) -> None:
        assert number == SUPERVISOR_CALL, f"exception {number}"
        a, b, c, *_rest = (int(uc.reg_read(each)) for each in ARGUMENTS)
        answer = process.call(int(uc.reg_read(arm.UC_ARM64_REG_X8)), a, b, c)
        uc.reg_write(arm.UC_ARM64_REG_X0, answer % (1 << 64))

    uc.hook_add(UC_HOOK_INTR, called)
    uc.emu_start(entry, 0)
    assert process.code is not None
    return Finished(process.code, bytes(process.written[1]), bytes(process.written[2]))


def _load(uc: Uc, program: Path) -> tuple[int, dict[int, int]]:
    """Map the segments; the entry, and what the kernel tells of them."""
    with program.open("rb") as file:
        elf = ELFFile(file)
        assert elf["e_type"] == "ET_EXEC", "a program of fixed addresses"
        segments = [each for each in elf.iter_segments() if each["p_type"] == "PT_LOAD"]
        low = segments[0]["p_vaddr"] // PAGE * PAGE
        end = max(each["p_vaddr"] + each["p_memsz"] for each in segments)
        uc.mem_map(low, -(-(end - low) // PAGE) * PAGE)
        for each in segments:
            uc.mem_write(each["p_vaddr"], each.data())
        headers = segments[0]["p_vaddr"] - segments[0]["p_offset"] + elf["e_phoff"]
        auxiliary = {AT_PHDR: headers, AT_PHENT: elf["e_phentsize"], AT_PHNUM: elf["e_phnum"]}
        return int(elf["e_entry"]), auxiliary | {AT_PAGESZ: PAGE}


def _stack(uc: Uc, words: list[str], auxiliary: dict[int, int]) -> int:
    """What a new process finds on its stack: arguments, no environment, the auxiliary vector."""
    at = STACK
    addresses = []
    for text in (*words, "0123456789abcde"):
        at -= len(text.encode()) + 1
        uc.mem_write(at, text.encode() + b"\0")
        addresses.append(at)
    pairs = [*(auxiliary | {AT_RANDOM: addresses.pop()}).items(), (0, 0)]
    numbers = [len(words), *addresses, 0, 0, *(number for pair in pairs for number in pair)]
    at = (at - 8 * len(numbers)) // 16 * 16
    uc.mem_write(at, struct.pack(f"<{len(numbers)}Q", *numbers))
    return at

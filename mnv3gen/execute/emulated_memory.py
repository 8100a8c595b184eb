"""The memory of an emulated call: the library, the buffers and the stack, each with a gap after it.

Only what the call may touch is mapped, so that a read or write elsewhere ends the emulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from unicorn import UC_PROT_EXEC, UC_PROT_NONE, UC_PROT_READ, UC_PROT_WRITE, Uc, UcError

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.execute.entry import ALIGNMENT
from mnv3gen.execute.guard import check_guards, guarded
from mnv3gen.execute.library import Library, Segment
from mnv3gen.execute.relocations import Patch

_PAGE = 4096
_GAP = 16 * _PAGE
_BOTTOM = 0x1000_0000
_TOP = 0xF000_0000  # within what a 32-bit pointer reaches


@dataclass(frozen=True)
class Region:
    """A range of the emulated memory and what it is called."""

    name: str
    address: int
    size: int

    def distance(self, address: int) -> int:
        """How many bytes the address lies outside; 0 within the region."""
        return max(self.address - address, address - (self.address + self.size) + 1, 0)

    def locate(self, address: int) -> str:
        """Where the address lies, seen from this region."""
        offset = address - self.address
        if offset < 0:
            return f"{-offset} bytes before the {self.name}"
        if offset < self.size:
            return f"in the {self.name}, at its byte {offset}"
        return f"{offset - self.size} bytes after the end of the {self.name}"


@dataclass(frozen=True)
class Buffer:
    """A buffer at the end of its pages: what comes right after it (but for alignment) is a gap."""

    name: str
    pages: int
    length: int
    start: int
    size: int

    @property
    def address(self) -> int:
        """Where the buffer itself starts: a multiple of 64."""
        return self.pages + self.start

    def fill(self, uc: Uc, data: bytes | None = None) -> None:
        """Lay guards around it, and ``data`` into it; without data the guards' bytes."""
        frame = guarded(self.length, self.start, self.size)
        if data is not None:
            frame[self.start : self.start + self.size] = np.frombuffer(data, np.uint8)
        uc.mem_write(self.pages, frame.tobytes())

    def read(self, uc: Uc) -> bytes:
        """The buffer's bytes, once the guards around it are found whole."""
        frame = np.frombuffer(uc.mem_read(self.pages, self.length), np.uint8)
        check_guards(frame, self.start, self.size, self.name)
        return frame[self.start : self.start + self.size].tobytes()


class Memory:
    """Maps one thing after the other, upwards, into an emulated processor.

    ``regions`` lists what the call may touch besides the library.
    """

    def __init__(self, uc: Uc) -> None:
        self._uc = uc
        self._next = _BOTTOM
        self.regions: list[Region] = []

    def stack(self, size: int) -> int:
        """Map a stack; gives its top, where it starts."""
        address, length = self._map(size, UC_PROT_READ | UC_PROT_WRITE)
        self.regions.append(Region("stack", address, length))
        return address + length

    def landing(self) -> int:
        """Map a page to return to; gives its address."""
        address, _ = self._map(_PAGE, UC_PROT_READ | UC_PROT_EXEC)
        return address

    def _map(self, size: int, protection: int) -> tuple[int, int]:
        address, length = self._next, max(_up(size, _PAGE), _PAGE)
        self._next += length + _GAP
        if self._next > _TOP:
            raise Mnv3genError("the library and its buffers need more memory than is emulated")
        self._uc.mem_map(address, length, protection)
        return address, length

    def buffer(self, name: str, size: int, data: bytes | None = None) -> Buffer:
        """A buffer that the call may write, or one that holds ``data`` and may only be read."""
        protection = UC_PROT_READ if data is not None else UC_PROT_READ | UC_PROT_WRITE
        pages, length = self._map(size, protection)
        start = length - _up(size, ALIGNMENT)
        self.regions.append(Region(name, pages + start, size))
        made = Buffer(name, pages, length, start, size)
        made.fill(self._uc, data)
        return made

    def load(self, library: Library) -> int:
        """Map and patch a library; gives the address at which its own address 0 lies."""
        base = self._next
        try:
            for segment in library.segments:
                self._load(base, segment)
            for patch in library.patches:
                self._patch(base, patch, 4 if library.architecture == "arm" else 8)
            for address, size in library.sealed:
                self._seal(base + address, base + address + size)
        except UcError as error:
            problem = f"its segments cannot be laid out in memory as they are ({error})"
            raise InputError(problem, place=str(library.path)) from error
        return base

    def _load(self, base: int, segment: Segment) -> None:
        first = _down(base + segment.address, _PAGE)
        end = _up(base + segment.address + segment.size, _PAGE)
        self._uc.mem_map(first, end - first, _protection(segment))
        self._uc.mem_write(base + segment.address, segment.data)
        self._next = max(self._next, end + _GAP)

    def _patch(self, base: int, patch: Patch, size: int) -> None:
        word = base + patch.value
        if patch.adds:
            word += int.from_bytes(self._uc.mem_read(base + patch.address, size), "little")
        word %= 1 << 8 * size
        self._uc.mem_write(base + patch.address, word.to_bytes(size, "little"))

    def _seal(self, first: int, end: int) -> None:
        pages = _down(end, _PAGE) - _down(first, _PAGE)
        if pages > 0:
            self._uc.mem_protect(_down(first, _PAGE), pages, UC_PROT_READ)


def _protection(segment: Segment) -> int:
    protection = UC_PROT_READ if segment.readable else UC_PROT_NONE
    if segment.writable:
        protection |= UC_PROT_WRITE
    if segment.executable:
        protection |= UC_PROT_EXEC
    return int(protection)


def _down(value: int, step: int) -> int:
    return value - value % step


def _up(value: int, step: int) -> int:
    return _down(value + step - 1, step)

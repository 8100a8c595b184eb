"""A library called in this very process."""

from __future__ import annotations

import _ctypes
import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnv3gen.errors import Mnv3genError
from mnv3gen.execute.entry import ALIGNMENT, Entry, Execution, Machine
from mnv3gen.execute.guard import check_guards, guarded
from mnv3gen.execute.library import read_library

_GUARD_BYTES = 64


@dataclass(frozen=True)
class Buffer:
    """An aligned buffer within its guards."""

    name: str
    frame: NDArray[np.uint8]
    start: int
    size: int

    @property
    def bytes(self) -> NDArray[np.uint8]:
        """The buffer itself, to read and write."""
        return self.frame[self.start : self.start + self.size]

    @property
    def address(self) -> int:
        """Where the buffer itself starts: a multiple of ``ALIGNMENT``."""
        return self.frame.ctypes.data + self.start

    def check(self) -> None:
        """Raise ``Mnv3genError`` if a guard was overwritten."""
        check_guards(self.frame, self.start, self.size, self.name)


def run_native(path: Path, entry: Entry, machine: Machine, data: bytes) -> Execution:
    """Call the library once; this machine must have the architecture and all features.

    ``Mnv3genError`` if it returns another number than 0 or writes outside of its buffers.
    """
    with calling(path, entry, machine) as call:
        return call(data)


@contextmanager
def calling(path: Path, entry: Entry, machine: Machine) -> Iterator[Callable[[bytes], Execution]]:
    """A function that calls the library as ``run_native`` does, for many inputs."""
    read_library(path, machine.architecture).export(entry.symbol)
    with loaded(path) as library:
        function = library[entry.symbol]
        function.argtypes = [ctypes.c_void_p] * 3
        function.restype = ctypes.c_int32

        def call(data: bytes) -> Execution:
            source = new_buffer("input", entry.input_bytes)
            source.bytes[:] = np.frombuffer(data, np.uint8)
            output = new_buffer("output", entry.output_bytes)
            workspace = new_buffer("workspace", entry.workspace_bytes)
            buffers = (source, output, workspace)
            start = time.perf_counter()
            code = function(*(buffer.address for buffer in buffers))
            seconds = time.perf_counter() - start
            for buffer in buffers:
                buffer.check()
            entry.check(code)
            return Execution(output.bytes.tobytes(), seconds, "native")

        yield call


def new_buffer(name: str, size: int) -> Buffer:
    """Fresh memory that looks like NaN, between guards."""
    memory = np.empty(size + 2 * _GUARD_BYTES + ALIGNMENT, np.uint8)
    start = _GUARD_BYTES + -(memory.ctypes.data + _GUARD_BYTES) % ALIGNMENT
    memory[:] = guarded(len(memory), start, size)
    return Buffer(name, memory, start, size)


@contextmanager
def loaded(path: Path) -> Iterator[ctypes.CDLL]:
    """The library, unloaded at the end: a later file of the same name must not meet this one."""
    try:
        library = ctypes.CDLL(str(path.resolve()))
    except OSError as error:
        raise Mnv3genError(f"{path}: cannot be loaded: {error}") from error
    try:
        yield library
    finally:
        _ctypes.dlclose(library._handle)

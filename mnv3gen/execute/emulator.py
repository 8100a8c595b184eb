"""A library called on an emulated Arm processor, in process, by unicorn."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from unicorn import Uc, UcError

from mnv3gen.errors import Mnv3genError
from mnv3gen.execute.emulated_cpu import find_cpu, start_cpu
from mnv3gen.execute.emulated_memory import Memory
from mnv3gen.execute.entry import Entry, Execution, Machine
from mnv3gen.execute.fault import Layout, explain, watch
from mnv3gen.execute.library import read_library

_STACK_BYTES = 1 << 20
_POLL_SECONDS = 0.05


class Emulated:
    """A library in the memory of an emulated processor, of the CPU model ``machine.unicorn``.

    ``prepare`` is given the processor, its stack pointer set, and the address at which the library
    lies, before any call: the place to add hooks. They are called in another thread than this one.
    Of a second call nothing has to be translated any more: of small networks that is most of it.
    """

    def __init__(
        self,
        path: Path,
        entry: Entry,
        machine: Machine,
        prepare: Callable[[Uc, int], object] | None = None,
    ) -> None:
        self.entry, self.machine = entry, machine
        self.cpu, model = find_cpu(machine)
        self.library = read_library(path, machine.architecture)
        function = self.library.export(entry.symbol)
        self.uc = start_cpu(self.cpu, model)
        self.accesses = watch(self.uc)
        self.memory = Memory(self.uc)
        self.base = self.memory.load(self.library)
        self.function = self.base + function.address
        self.input = self.memory.buffer("input", entry.input_bytes, bytes(entry.input_bytes))
        self.output = self.memory.buffer("output", entry.output_bytes)
        self.workspace = self.memory.buffer("workspace", entry.workspace_bytes)
        self.stop = self.memory.landing()
        self.stack = self.memory.stack(_STACK_BYTES)
        if prepare is not None:
            self.uc.reg_write(self.cpu.stack, self.stack)
            prepare(self.uc, self.base)

    def call(self, data: bytes, limit: float | None = None) -> Execution:
        """Call the function once; its buffers have nothing of an earlier call.

        ``Mnv3genError`` if the call touches memory that is not its own, executes an instruction
        that the model lacks, returns another number than 0, or takes more than ``limit`` seconds.
        """
        uc, buffers = self.uc, (self.input, self.output, self.workspace)
        for buffer, content in zip(buffers, (data, None, None), strict=True):
            buffer.fill(uc, content)
        source, output, workspace = (buffer.address for buffer in buffers)
        self.cpu.call(uc, (source, output, workspace), self.stack, self.stop)
        try:
            seconds = _run(uc, self.function, self.stop, limit)
        except UcError as error:
            layout = Layout(self.library, self.base, tuple(self.memory.regions))
            message = explain(uc, self.cpu, self.machine.unicorn, error, self.accesses, layout)
            raise Mnv3genError(message) from error
        self.workspace.read(uc)
        result = self.output.read(uc)
        self.entry.check(self.cpu.code(uc))
        return Execution(result, seconds, "unicorn")


def run_emulated(
    path: Path,
    entry: Entry,
    machine: Machine,
    data: bytes,
    limit: float | None = None,
    prepare: Callable[[Uc, int], object] | None = None,
) -> Execution:
    """Call the library once, as `Emulated` does."""
    return Emulated(path, entry, machine, prepare).call(data, limit)


def _run(uc: Uc, start: int, stop: int, limit: float | None) -> float:
    """Emulate from ``start`` until ``stop`` is reached; gives the seconds that this took.

    unicorn blocks in C, so it runs in a thread while this one waits, where Ctrl-C and the limit
    are heard. That costs nothing; unicorn's own time-out polls so often that it costs 30 %.
    """
    begin = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        emulation = pool.submit(uc.emu_start, start, stop)
        try:
            # In slices: a signal that the system gives to another thread wakes nobody here.
            while not wait([emulation], _POLL_SECONDS).done:
                if limit is not None and time.perf_counter() - begin > limit:
                    raise Mnv3genError(f"the emulated call did not return within {limit:g} s")
            emulation.result()
        finally:
            # Again and again, as a request that comes before the emulation has begun is forgotten.
            while not emulation.done():
                uc.emu_stop()
                wait([emulation], _POLL_SECONDS)
    return time.perf_counter() - begin

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


def run_emulated(
    path: Path,
    entry: Entry,
    machine: Machine,
    data: bytes,
    limit: float | None = None,
    prepare: Callable[[Uc, int], object] | None = None,
) -> Execution:
    """Call the library once on the CPU model ``machine.unicorn``.

    ``prepare`` is given the processor and the address at which the library lies, before the call:
    the place to add hooks. They are called in another thread than this one.
    ``Mnv3genError`` if the call touches memory that is not its own, executes an instruction that
    the model lacks, returns another number than 0, or takes more than ``limit`` seconds.
    """
    cpu, model = find_cpu(machine)
    library = read_library(path, machine.architecture)
    function = library.export(entry.symbol)
    uc = start_cpu(cpu, model)
    accesses = watch(uc)
    memory = Memory(uc)
    base = memory.load(library)
    source = memory.buffer("input", entry.input_bytes, data)
    output = memory.buffer("output", entry.output_bytes)
    workspace = memory.buffer("workspace", entry.workspace_bytes)
    stop = memory.landing()
    arguments = (source.address, output.address, workspace.address)
    cpu.call(uc, arguments, memory.stack(_STACK_BYTES), stop)
    if prepare is not None:
        prepare(uc, base)
    try:
        seconds = _run(uc, base + function.address, stop, limit)
    except UcError as error:
        layout = Layout(library, base, tuple(memory.regions))
        message = explain(uc, cpu, machine.unicorn, error, accesses, layout)
        raise Mnv3genError(message) from error
    workspace.read(uc)
    result = output.read(uc)
    entry.check(cpu.code(uc))
    return Execution(result, seconds, "unicorn")


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

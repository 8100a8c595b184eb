"""The process that runs candidates: whatever one of them does, only this process ends of it.

It imports no TVM. Requests and answers are tuples, the first of a request is a method's name.
"""

from __future__ import annotations

import _ctypes
import ctypes
import gc
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from mnv3gen.compile.schedules import generators
from mnv3gen.targets import Core
from mnv3gen.tune.data import Data, buffer, copied
from mnv3gen.tune.functions import LoadedFunction, Signature
from mnv3gen.tune.timing import Timing, timed
from mnv3gen.tune.units import Unit

TOLERANCE = 1e-4  # of the largest output
POINTERS = 12  # as in repeat.c
DATA_KEPT = 20  # groups


class Loaded:
    """A unit with its buffers, ready to be called."""

    def __init__(
        self, unit: Unit, functions: list[Any], scratch: list[int], data: Data, core: Core
    ) -> None:
        self.unit, self.data = unit, data
        tensors = dict(zip(unit.reads, data.inputs, strict=True))
        schedules = {schedule.name: schedule for schedule in generators()}
        rows = []
        for member, size in zip(unit.members, scratch, strict=True):
            own = data.weights[member.first : member.first + len(member.group.kernels)]
            schedule = schedules[member.schedule]
            packed = map(copied, schedule.pack(member.group, core, member.parameters, own))
            for name, number in zip(member.writes, member.group.writes, strict=True):
                made = member.group.kernels[number]
                tensors[name] = buffer(int(np.prod(made.output)), made.written_dtype)
            read = [tensors[name] for name in member.reads]
            written = [tensors[name] for name in member.writes]
            rows.append([*read, *packed, *written, *([buffer(size, np.int8)] if size else [])])
        self.buffers = rows  # kept alive for the pointers
        self.outputs = [tensors[name] for name in unit.writes]
        self.functions = (ctypes.c_void_p * len(functions))(
            *(ctypes.cast(function, ctypes.c_void_p).value for function in functions)
        )
        self.pointers = (ctypes.c_void_p * (POINTERS * len(rows)))()
        for index, row in enumerate(rows):
            assert len(row) <= POINTERS
            for place, array in enumerate(row):
                self.pointers[index * POINTERS + place] = array.ctypes.data

    def is_right(self, repeat: Any) -> bool:
        """Whether it computes the expected values."""
        repeat(self.functions, self.pointers, len(self.functions), 1)
        for output, expected in zip(self.outputs, self.data.expected, strict=True):
            if expected.dtype == np.int8:
                if not np.array_equal(output, expected):
                    return False
                continue
            error = np.abs(output - expected).max()
            if not error <= TOLERANCE * max(float(np.abs(expected).max()), 1e-6):
                return False
        return True


class Clocked:
    """A loaded unit that can be timed."""

    def __init__(self, loaded: Loaded | LoadedFunction, repeat: Any) -> None:
        self.loaded, self.repeat = loaded, repeat

    def microseconds(self, calls: int) -> float:
        """The mean time of some calls."""
        functions, pointers = self.loaded.functions, self.loaded.pointers
        count = len(functions)
        start = time.perf_counter_ns()
        self.repeat(functions, pointers, count, calls)
        return (time.perf_counter_ns() - start) / calls / 1e3


class Server:
    """Holds the units of one library at a time."""

    def __init__(self, repeat: Path, core: Core, seed: int) -> None:
        self.repeat = ctypes.CDLL(str(repeat)).repeat
        self.repeat.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long, ctypes.c_long]
        self.repeat.restype = None
        self.core, self.seed = core, seed
        self.data: dict[str, Data] = {}
        self.library: Any = None
        self.units: list[Loaded] | list[LoadedFunction] = []

    def load(self, library: Path, units: Sequence[Unit], scratch: Sequence[int]) -> None:
        """Load the units of a library, whose functions are numbered, in place of those before."""
        self._open(library)
        loaded = []
        first = 0
        for unit in units:
            numbers = range(first, first + len(unit.members))
            functions = [self.library[f"candidate{number}"] for number in numbers]
            sizes = [scratch[number] for number in numbers]
            data = self._data(unit)
            loaded.append(Loaded(unit, functions, sizes, data, self.core))
            first = numbers.stop
        self.units = loaded

    def load_functions(
        self, library: Path, symbols: Sequence[str], signatures: Sequence[Signature]
    ) -> None:
        """Load the functions of a library that all compute what the first of them does."""
        self._open(library)
        pairs = list(zip(symbols, signatures, strict=True))
        first = LoadedFunction(self.library[pairs[0][0]], pairs[0][1], self.seed)
        rest = [LoadedFunction(self.library[it], own, self.seed, first) for it, own in pairs[1:]]
        self.units = [first, *rest]

    def _open(self, library: Path) -> None:
        self.units = []
        if self.library is not None:
            _ctypes.dlclose(self.library._handle)
        self.library = ctypes.CDLL(str(library))

    def is_right(self, number: int) -> bool:
        """Whether a unit computes the expected values."""
        return self.units[number].is_right(self.repeat)

    def times(self, numbers: Sequence[int], rounds: int) -> list[Timing]:
        """Some units, timed in turns."""
        gc.disable()
        try:
            return timed([Clocked(self.units[number], self.repeat) for number in numbers], rounds)
        finally:
            gc.enable()

    def _data(self, unit: Unit) -> Data:
        name = unit.whole.name
        if name not in self.data:
            if len(self.data) >= DATA_KEPT:
                self.data.clear()
            self.data[name] = Data(unit.whole, self.seed)
        return self.data[name]


def serve(connection: Connection, repeat: Path, core: Core, seed: int) -> None:
    """Answer until the other side is gone. Ctrl-C is for the tuner, which ends this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server(repeat, core, seed)
    while True:
        try:
            name, *arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send((getattr(server, name)(*arguments), None))
        except Exception as error:
            connection.send((None, f"{type(error).__name__}: {error}"))

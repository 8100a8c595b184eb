"""A simulated core with its caches: it is fed executed instructions and says what they cost."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.cycles.core import CoreModel
from mnv3gen.cycles.native_library import library
from mnv3gen.cycles.table import Code
from mnv3gen.targets import Core

Array: TypeAlias = npt.NDArray[Any]

VERSION = 1  # raised with whatever changes the cycles of the same code on the same core
_LEVELS, _QUEUES = 3, 16  # of native/simulate.h


@dataclass(frozen=True)
class Counters:
    """Cycles, accesses that miss the first cache, lines from memory, mispredicted branches."""

    cycles: int
    l1_misses: int
    memory_lines: int
    mispredictions: int


class Simulator:
    """The state of a core that has executed nothing yet, with empty caches.

    ``code`` lies at ``base`` + its own address. ``cycles_of`` and ``executions_of`` count by
    instruction, in the order of the code's tables: a cycle is that of the instruction which
    retires in it.
    """

    def __init__(self, model: CoreModel, core: Core, code: Code, base: int = 0) -> None:
        self.library = library()
        self.code = code
        self._core = np.array(_core(model, core), np.int32)
        count = len(code.instructions)
        self.cycles_of = np.zeros(count, np.uint64)
        self.executions_of = np.zeros(count, np.uint64)
        self._state = np.zeros(self.library.simulator_bytes(), np.uint8)
        lines = [_sets(model, core, level) * it.ways for level, it in enumerate(model.caches)]
        self._tags = [np.zeros(it, np.uint64) for it in lines]
        self._readies = [np.zeros(it, np.uint64) for it in lines]
        self._dirty = [np.zeros(it, np.uint8) for it in lines]
        self.library.start(
            self.address,
            *(it.ctypes.data for it in (self._core, code.instructions, code.uops, code.places)),
            base + code.address,
            (len(code.places) - 1) * code.unit,
            code.unit.bit_length() - 1,
            self.cycles_of.ctypes.data,
            self.executions_of.ctypes.data,
            *(_pointers(it) for it in (self._tags, self._readies, self._dirty)),
        )

    @property
    def address(self) -> int:
        """Of the state, for what feeds it."""
        return int(self._state.ctypes.data)

    def replay(self, steps: Array) -> None:
        """Execute rows of (address of an instruction, address of what it reads or writes or 0)."""
        assert steps.dtype == np.uint64 and steps.flags.c_contiguous
        self.library.replay(self.address, steps.ctypes.data, len(steps))

    @property
    def counters(self) -> Counters:
        """What all instructions together cost so far."""
        self.library.finish(self.address)
        values = np.zeros(3, np.uint64)
        self.library.counters(self.address, values.ctypes.data)
        return Counters(int(self.library.cycles(self.address)), *map(int, values))


def _core(model: CoreModel, core: Core) -> list[int]:
    cycle_ns = 1e3 / core.clock_mhz
    latency = round(model.memory.latency_ns / cycle_ns)
    interval = max(1, round(core.cache_line / model.memory.bytes_per_ns / cycle_ns))
    widths = (model.decode, model.dispatch, model.retire, model.window, model.store_buffer)
    levels = range(len(model.caches))
    columns = (
        [_sets(model, core, level) for level in levels],
        [it.ways for it in model.caches],
        [it.latency for it in model.caches],
        [it.interval for it in model.caches],
    )
    return [
        *(int(model.in_order), *widths, model.mispredict, model.forward),
        *(model.misses, model.prefetcher.near, model.prefetcher.far),
        *(core.cache_line.bit_length() - 1, len(levels), latency, interval),
        *(value for column in columns for value in _padded(column, _LEVELS)),
        *_padded([entries for entries, _ in model.queues.values()], _QUEUES),
    ]


def _sets(model: CoreModel, core: Core, level: int) -> int:
    kib = (core.l1d_kib, core.l2_kib, core.l3_kib)[level]
    return max(1, kib * 1024 // core.cache_line // model.caches[level].ways)


def _padded(values: list[int], count: int) -> list[int]:
    return values + [0] * (count - len(values))


def _pointers(arrays: list[Array]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(each.ctypes.data for each in arrays))

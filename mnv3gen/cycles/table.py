"""Decoded instructions as the tables that the simulation reads: instructions and micro-operations.

The fields are those of `native/simulate.h`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.cycles.core import CoreModel, MicroOp
from mnv3gen.cycles.decoded import COUNTER, NONE, Decoded

Array: TypeAlias = npt.NDArray[Any]

UOP = np.dtype(
    [
        *(("ports", np.uint32), ("latency", np.uint16)),
        *((name, np.uint8) for name in ("busy", "queue", "kind", "slots", "late", "late_by")),
        *(("reads", np.uint8, 8), ("writes", np.uint8, 4)),
    ]
)
INSTRUCTION = np.dtype(
    [
        *(("first", np.uint32), ("offset", np.int32)),
        *((name, np.uint8) for name in ("count", "branch", "size", "bytes")),
        *((name, np.uint8) for name in ("base", "index", "scale", "conditional")),
    ]
)
COMPUTE, LOAD, STORE, PREFETCH, BRANCH = range(5)
_LOADED, _COMPUTED = 120, 121  # registers that carry a value within an instruction


@dataclass(frozen=True)
class Code:
    """A stretch of code from ``address`` on; ``places`` has the instruction at each unit, or -1."""

    address: int
    unit: int
    places: Array
    addresses: Array
    instructions: Array
    uops: Array


def build_code(
    model: CoreModel, address: int, size: int, unit: int, found: Mapping[int, Decoded]
) -> Code:
    """The tables of decoded instructions, by their addresses, of ``size`` bytes of code."""
    places = np.full(size // unit + 1, -1, np.int32)
    instructions = np.zeros(len(found), INSTRUCTION)
    rows: list[tuple[Any, ...]] = []
    known: dict[Decoded, tuple[int, int]] = {}
    for number, (place, each) in enumerate(sorted(found.items())):
        if each not in known:
            own = list(_rows(model, each))
            known[each] = len(rows), len(own)
            rows += own
        first, count = known[each]
        places[(place - address) // unit] = number
        memory = each.memory
        where = (memory.base, memory.index, memory.scale) if memory else (NONE, NONE, 0)
        offset = memory.offset if memory else 0
        flags = (count, each.branches, each.size, each.bytes)
        instructions[number] = (first, offset, *flags, *where, each.conditional)
    addresses = np.array(sorted(found), np.int64)
    return Code(address, unit, places, addresses, instructions, np.array(rows, UOP))


def _rows(model: CoreModel, it: Decoded) -> Iterable[tuple[Any, ...]]:
    """The micro-operations of an instruction, of all its classes in order."""
    listed = [(name, each) for name in it.classes.split() for each in model.micro_ops(name)]
    kinds = [_kind(name, each) for name, each in listed]
    moves_base = [it.writeback and name == "alu" for name, _ in listed]
    pairs = zip(kinds, moves_base, strict=True)
    computes = any(kind == COMPUTE and not moved for kind, moved in pairs)
    for number, ((_, each), kind) in enumerate(zip(listed, kinds, strict=True)):
        slots = int(number == 0) if it.fused else 1
        if moves_base[number]:
            reads = writes = _written_back(it)
        elif kind in (COMPUTE, BRANCH):
            after = each.after and kinds[number - 1] == COMPUTE
            reads, writes = _computed(it, LOAD in kinds, after)
        else:
            reads, writes = _moved(it, kind, computes)
        yield _row(model, it, each, kind, slots, reads, writes)


def _computed(it: Decoded, loads: bool, after: bool) -> tuple[set[int], set[int]]:
    """What is read and written by a micro-operation that moves no memory."""
    # What only the load reads is not waited for again.
    reads = set(it.reads) - _address(it) | {_LOADED} if loads else set(it.reads)
    writes = set(it.writes) - _written_back(it) | {_COMPUTED}
    return reads | ({_COMPUTED} if after else set()), writes


def _moved(it: Decoded, kind: int, computes: bool) -> tuple[set[int], set[int]]:
    """What is read and written by a load, a store or a prefetch."""
    if kind == LOAD:
        return _address(it), {_LOADED} if computes else set(it.writes) - _written_back(it)
    if kind == STORE:
        return _address(it) | ({_COMPUTED} if computes else set(it.reads)), set()
    return _address(it), set()


def _row(
    model: CoreModel,
    it: Decoded,
    each: MicroOp,
    kind: int,
    slots: int,
    reads: Iterable[int],
    writes: Iterable[int],
) -> tuple[Any, ...]:
    ports = each.ports.split()
    mask = sum(1 << model.ports.index(port) for port in ports)
    queue = next(
        (n for n, (_, own) in enumerate(model.queues.values()) if set(ports) & set(own.split())), 0
    )
    own = it.accumulator if it.accumulator is not None and each.late else NONE
    late, late_by = own, each.late
    ordered = sorted(reads)
    if kind == STORE:  # it starts with its address, which comes first; what it stores comes late
        address = _address(it)
        ordered = sorted(address) + sorted(set(reads) - address)
        late, late_by = NONE, len(address)
    return (
        *(mask, each.latency, each.busy, queue, kind, slots, late, late_by),
        *(_padded(ordered, 8), _padded(sorted(writes), 4)),
    )


def _kind(name: str, each: MicroOp) -> int:
    if each.after:
        return COMPUTE
    if "load" in name:
        return LOAD
    if "store" in name:
        return STORE
    return {"prefetch": PREFETCH, "branch": BRANCH}.get(name, COMPUTE)


def _address(it: Decoded) -> set[int]:
    if it.memory is not None:
        return {each for each in (it.memory.base, it.memory.index) if each not in (NONE, COUNTER)}
    return set()


def _written_back(it: Decoded) -> set[int]:
    return {it.base} if it.writeback and it.base is not None else set()


def _padded(registers: list[int], count: int) -> list[int]:
    found = registers[:count]
    return found + [NONE] * (count - len(found))

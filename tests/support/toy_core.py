"""A small core and instructions for it, whose cycles one can count on paper."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from mnv3gen.cycles.core import CoreModel
from mnv3gen.cycles.decoded import VECTORS, Decoded, Memory
from mnv3gen.cycles.simulator import Simulator
from mnv3gen.cycles.table import build_code
from mnv3gen.targets import Core

START = 0x1000
LINE = 64
CORE = Core("toy", 128, 32, 1000, LINE, l1d_kib=4, l2_kib=64)

TOY = {
    "name": "toy",
    "architecture": "aarch64",
    "targets": ["toy"],
    "sources": ["made up"],
    "decode": 4,
    "dispatch": 4,
    "retire": 4,
    "window": 32,
    "mispredict": 10,
    "store_buffer": 8,
    "forward": 5,
    "misses": 4,
    "ports": ["I", "L", "S", "V0", "V1"],
    "queues": {"all": [32, "I L S V0 V1"]},
    "caches": [{"ways": 4, "latency": 4}, {"ways": 8, "latency": 12}],
    # At 1000 MHz a nanosecond is a cycle: a line of 64 bytes comes every 32 cycles.
    "memory": {"latency_ns": 100, "bytes_per_ns": 2},
    "prefetcher": {"near": 0, "far": 0},
    "classes": {
        "alu": [{"ports": "I"}],
        "branch": [{"ports": "I"}],
        "load": [{"ports": "L", "latency": 4}],
        "store": [{"ports": "S"}],
        "fmla": [{"ports": "V0 V1", "latency": 6, "late": 2}],
        "fadd": [{"ports": "V0 V1", "latency": 3}],
        "divide": [{"ports": "V0", "latency": 8, "busy": 8}],
    },
}


def toy(**changes: Any) -> CoreModel:
    """The core, with other fields where named."""
    return msgspec.convert(TOY | changes, CoreModel)


def fmla(to: int, *of: int) -> Decoded:
    """Adds a product to a vector register."""
    registers = tuple(VECTORS + each for each in (to, *of))
    return Decoded("fmla", 4, registers, (VECTORS + to,), accumulator=VECTORS + to)


def op(name: str, to: int, *of: int) -> Decoded:
    """An instruction of vector registers."""
    return Decoded(name, 4, tuple(VECTORS + each for each in of), (VECTORS + to,))


def load(to: int, base: int = 1) -> Decoded:
    """Reads a vector register from where a general one points."""
    return Decoded("load", 4, (base,), (VECTORS + to,), memory=Memory(base), bytes=16)


def store(of: int, base: int = 1) -> Decoded:
    """Writes a vector register."""
    return Decoded("store", 4, (VECTORS + of, base), (), memory=Memory(base), bytes=16)


def executed(
    body: list[Decoded],
    model: CoreModel,
    addresses: list[list[int]] | None = None,
    rounds: int = 1,
) -> Simulator:
    """A core that has executed straight code some times over; `addresses` of each instruction."""
    found = {START + 4 * number: it for number, it in enumerate(body)}
    simulator = Simulator(model, CORE, build_code(model, START, 4 * len(body), 4, found))
    rows = []
    for turn in range(rounds):
        for number in range(len(body)):
            own = addresses[number] if addresses else []
            rows.append((START + 4 * number, own[turn % len(own)] if own else 0))
    simulator.replay(np.array(rows, np.uint64))
    return simulator


def steady(body: list[Decoded], model: CoreModel, rounds: int = 100) -> float:
    """Cycles of one more round, once all is under way."""
    few, many = (executed(body, model, rounds=it).counters.cycles for it in (rounds, 2 * rounds))
    return (many - few) / rounds

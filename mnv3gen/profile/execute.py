"""How often each stretch of a library's code is executed by one emulated call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from unicorn import UC_HOOK_BLOCK, Uc

from mnv3gen.execute import Entry, Machine
from mnv3gen.execute.emulator import run_emulated
from mnv3gen.execute.library import Library

Stretches: TypeAlias = Mapping[tuple[int, int], int]
"""Executions by (address in the library, bytes): straight code, entered at its first address."""


def count_stretches(
    library: Library,
    entry: Entry,
    machine: Machine,
    data: bytes,
    advance: Callable[[], None] = lambda: None,
) -> Stretches:
    """Call the library once with ``data``; what it executed. Raises as ``run_emulated``.

    unicorn translates code by stretches and tells of each that it enters; all of a stretch is
    executed, so that the counts are exact. ``advance`` is called for each stretch of the function
    ``entry`` itself, about one for each call that it makes, from another thread.
    """
    counts: Counter[tuple[int, int]] = Counter()
    bases: list[int] = []

    def prepare(uc: Uc, base: int) -> None:
        def enter(uc: Uc, address: int, size: int, _: object) -> None:
            counts[address, size] += 1

        bases.append(base)
        uc.hook_add(UC_HOOK_BLOCK, enter)
        driver = library.export(entry.symbol)
        first = base + (driver.address & ~1)
        uc.hook_add(UC_HOOK_BLOCK, lambda *_: advance(), begin=first, end=first + driver.size - 1)

    run_emulated(library.path, entry, machine, data, prepare=prepare)
    (base,) = bases
    return {(address - base, size): count for (address, size), count in counts.items()}

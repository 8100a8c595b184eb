"""`Decoded`: an instruction as the simulation of a core sees it, whatever the architecture."""

from __future__ import annotations

from dataclasses import dataclass

# Numbers of registers: general ones from 0, then vectors, flags, and masks.
STACK, VECTORS, FLAGS, MASKS = 31, 32, 64, 65
NONE = 255
COUNTER = 118  # of instructions, as the base of an address of x86


@dataclass(frozen=True)
class Memory:
    """An address of x86: base + index * scale + offset; NONE for a register that is not there."""

    base: int = NONE
    index: int = NONE
    scale: int = 1
    offset: int = 0


@dataclass(frozen=True)
class Decoded:
    """``classes`` are names of `CoreModel.classes`, in order; registers are numbers as above.

    ``accumulator`` is the register that may be read late, ``base`` that of the address, which
    ``writeback`` moves on. ``bytes`` is what a store writes.
    """

    classes: str
    size: int
    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    accumulator: int | None = None
    base: int | None = None
    writeback: bool = False
    branches: bool = False
    conditional: bool = False
    bytes: int = 8
    memory: Memory | None = None
    fused: bool = False  # all of it takes one slot of dispatch

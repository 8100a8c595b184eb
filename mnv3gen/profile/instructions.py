"""Executed instructions by kernel and by loop: exact counts of one emulated call."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from mnv3gen.compile.bundle import Bundle
from mnv3gen.errors import InputError
from mnv3gen.execute import Entry, Machine
from mnv3gen.execute.library import Library, Symbol, read_library
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.profile.decode import Instruction, decode
from mnv3gen.profile.execute import Stretches, count_stretches
from mnv3gen.profile.loops import Loop, find_loops, split_blocks
from mnv3gen.profile.names import madds_of
from mnv3gen.profile.stack import vector_stack_accesses

EMULATED = ("aarch64", "arm")
HOT = 0.1  # of a kernel's instructions: a loop that has as many of its own is hot
_HELPER = re.compile(r"_compute_\d*$")  # what TVM makes of a kernel's body
_UNNAMED = "(no symbol)"


@dataclass(frozen=True)
class Work:
    """Executed instructions.

    ``fmlas`` are vector multiply-adds of any form and type, ``madds`` their lanes; ``spills`` are
    loads and stores of vector registers on the stack within a loop: part of ``loads``, ``stores``.
    """

    instructions: int = 0
    fmlas: int = 0
    madds: int = 0
    loads: int = 0
    stores: int = 0
    spills: int = 0

    @property
    def per_fmla(self) -> float | None:
        """Instructions for each vector multiply-add; None if there is none."""
        return self.instructions / self.fmlas if self.fmlas else None

    def __add__(self, other: Work) -> Work:
        return Work(
            self.instructions + other.instructions,
            self.fmlas + other.fmlas,
            self.madds + other.madds,
            self.loads + other.loads,
            self.stores + other.stores,
            self.spills + other.spills,
        )


@dataclass(frozen=True)
class LoopWork:
    """A loop at ``address`` of the library; ``work`` is its own, without the loops inside of it.

    ``share`` is the part of its kernel's instructions, ``iterations`` how often it begins anew.
    """

    address: int
    innermost: bool
    iterations: int
    share: float
    work: Work

    @property
    def hot(self) -> bool:
        """Whether the loop is worth a look."""
        return self.share >= HOT


@dataclass(frozen=True)
class KernelWork:
    """A function of the library with its helpers; ``kernel`` is False for the driver and the like.

    ``madds`` is what all calls have to compute, None where the name does not say. ``loops`` are in
    the order of their instructions, most first; ``mnemonics`` likewise.
    """

    name: str
    kernel: bool
    calls: int
    madds: int | None
    work: Work
    loops: tuple[LoopWork, ...]
    mnemonics: Mapping[str, int]

    @property
    def hot_loops(self) -> list[LoopWork]:
        """The loops with a tenth of the instructions or more."""
        return [loop for loop in self.loops if loop.hot]

    @property
    def lanes_per_madd(self) -> float | None:
        """Lanes of vector multiply-adds for each multiply-add that the kernel has to do."""
        return self.work.madds / self.madds if self.madds else None


@dataclass(frozen=True)
class InstructionProfile:
    """The functions of a library that were executed, by instructions, most first."""

    kernels: tuple[KernelWork, ...]

    @property
    def total(self) -> Work:
        """All instructions of the call, the driver's too."""
        return sum((kernel.work for kernel in self.kernels), Work())


def profile_instructions(
    bundle: Bundle, advance: Callable[[], None] = lambda: None
) -> InstructionProfile:
    """Emulate a bundle on its seeded input; ``advance`` is called with about each kernel call.

    InputError if it is for an architecture that is not emulated.
    """
    if bundle.machine.architecture not in EMULATED:
        raise InputError(
            "instructions are counted in the emulator, which has no such processor",
            place=str(bundle.folder),
            found=bundle.machine.architecture,
            expected=f"a bundle for {' or '.join(EMULATED)}, or no --instructions",
        )
    manifest = bundle.manifest
    data = seeded_input(manifest.input.shape[1:], manifest.expected.seed).tobytes()
    kernels = [kernel.name for kernel in manifest.kernels]
    return count_instructions(
        read_library(bundle.library, bundle.machine.architecture),
        bundle.entry,
        bundle.machine,
        data,
        {f"{manifest.name}_{kernel}": kernel for kernel in kernels},
        advance,
    )


def count_instructions(
    library: Library,
    entry: Entry,
    machine: Machine,
    data: bytes,
    kernels: Mapping[str, str],
    advance: Callable[[], None] = lambda: None,
) -> InstructionProfile:
    """The profile of one call of a library; ``kernels`` has the kernels' names by their symbols."""
    stretches = count_stretches(library, entry, machine, data, advance)
    instructions = decode(library, stretches)
    functions = _by_function(library.functions, instructions.values())
    counts = _executions(stretches, instructions)
    owners: dict[str, list[Symbol]] = {}
    for symbol in functions:
        owners.setdefault(_owner(symbol.name, kernels), []).append(symbol)
    work = [
        _kernel_work(name, kernels, {each: functions[each] for each in symbols}, counts)
        for name, symbols in owners.items()
    ]
    return InstructionProfile(tuple(sorted(work, key=lambda each: -each.work.instructions)))


def _owner(symbol: str, kernels: Collection[str]) -> str:
    base = _HELPER.sub("", symbol)
    return base if base in kernels else symbol


def _executions(stretches: Stretches, instructions: Mapping[int, Instruction]) -> dict[int, int]:
    """How often each instruction was executed, by address."""
    counts = dict.fromkeys(instructions, 0)
    for (start, size), count in stretches.items():
        address = start
        while address < start + size:
            counts[address] += count
            address += instructions[address].size
    return counts


def _by_function(
    symbols: Iterable[Symbol], instructions: Iterable[Instruction]
) -> dict[Symbol, list[Instruction]]:
    """The executed instructions of each function; those of none belong to one without a name."""
    unnamed = Symbol(_UNNAMED, 0, 0)
    ordered = sorted(set(symbols), key=lambda each: each.address)
    starts = [each.address & ~1 for each in ordered]
    found: dict[Symbol, list[Instruction]] = {}
    for each in instructions:
        index = bisect_right(starts, each.address) - 1
        inside = index >= 0 and each.address < starts[index] + ordered[index].size
        found.setdefault(ordered[index] if inside else unnamed, []).append(each)
    return found


def _kernel_work(
    symbol: str,
    kernels: Mapping[str, str],
    functions: Mapping[Symbol, list[Instruction]],
    counts: Mapping[int, int],
) -> KernelWork:
    loops: list[LoopWork] = []
    work = Work()
    mnemonics: Counter[str] = Counter()
    total = sum(counts[each.address] for group in functions.values() for each in group)
    for instructions in functions.values():
        found, in_function = _loops(instructions, counts, total)
        loops += found
        work += in_function
        for each in instructions:
            mnemonics[each.mnemonic] += counts[each.address]
    name = kernels.get(symbol, symbol)
    calls = max(counts.get(each.address & ~1, 0) for each in functions)
    madds = madds_of(name)
    return KernelWork(
        name=name,
        kernel=symbol in kernels,
        calls=calls,
        madds=None if madds is None else madds * calls,
        work=work,
        loops=tuple(sorted(loops, key=lambda each: -each.work.instructions)),
        mnemonics=dict(mnemonics.most_common()),
    )


def _loops(
    instructions: Iterable[Instruction], counts: Mapping[int, int], total: int
) -> tuple[list[LoopWork], Work]:
    """The loops of a function, and the work of all of it."""
    blocks = split_blocks(instructions)
    stack = vector_stack_accesses(blocks)
    outside, work = dict(blocks), Work()
    found: list[LoopWork] = []

    for loop in find_loops(blocks):
        inside = [each for address in loop.own for each in blocks[address].instructions]
        own = _work(inside, counts, stack)
        found.append(_loop_work(loop, own, counts, total))
        work += own
        for address in loop.own:
            outside.pop(address, None)
    rest = [each for block in outside.values() for each in block.instructions]
    return found, work + _work(rest, counts, frozenset())


def _loop_work(loop: Loop, own: Work, counts: Mapping[int, int], total: int) -> LoopWork:
    return LoopWork(
        address=loop.address,
        innermost=loop.innermost,
        iterations=counts[loop.address],
        share=own.instructions / total,
        work=own,
    )


def _work(
    instructions: Iterable[Instruction], counts: Mapping[int, int], stack: Collection[int]
) -> Work:
    total = Work()
    for each in instructions:
        count = counts[each.address]
        total += Work(
            instructions=count,
            fmlas=count if each.madds else 0,
            madds=count * each.madds,
            loads=count if each.loads else 0,
            stores=count if each.stores else 0,
            spills=count if each.address in stack else 0,
        )
    return total

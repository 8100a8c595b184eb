"""Which loads and stores of vector registers go to the stack: in a loop, spilled registers."""

from __future__ import annotations

from collections.abc import Mapping

from mnv3gen.profile.decode import Instruction
from mnv3gen.profile.loops import Block, predecessors

_STACK = frozenset({"sp"})
# What a call may change: Procedure Call Standard for the Arm 64-bit Architecture, section 6.1.1.
_KEPT = {"sp", "fp", *(f"x{number}" for number in range(19, 29))} | {
    *(f"r{number}" for number in range(4, 11)),
    *("sb", "sl"),
}


def vector_stack_accesses(blocks: Mapping[int, Block]) -> frozenset[int]:
    """The addresses of a function's loads and stores of vector registers from and to the stack.

    An address is the stack's if it is that of ``sp``, or was made of one by adding, on every way
    that leads there; one that went through memory or a parameter is not followed.
    """
    before = predecessors(blocks)
    after: dict[int, frozenset[str]] = {}
    waiting = set(blocks)
    while waiting:
        address = min(waiting)
        waiting.remove(address)
        state = _entering(address, before, after, min(blocks))
        for each in blocks[address].instructions:
            state = _step(state, each)
        if after.get(address) != state:
            after[address] = state
            waiting.update(blocks[address].after)
    found: set[int] = set()
    for address, block in blocks.items():
        state = _entering(address, before, after, min(blocks))
        for each in block.instructions:
            if each.vector and each.base in state:
                found.add(each.address)
            state = _step(state, each)
    return frozenset(found)


def _entering(
    address: int,
    before: Mapping[int, list[int]],
    after: Mapping[int, frozenset[str]],
    entry: int,
) -> frozenset[str]:
    """The registers that point into the stack, whichever block comes before."""
    states = [after[each] for each in before[address] if each in after]
    if address == entry or not states:
        return _STACK
    return frozenset.intersection(*states)


def _step(state: frozenset[str], it: Instruction) -> frozenset[str]:
    """The registers that point into the stack after an instruction."""
    if it.calls:
        return state & _KEPT
    if it.address_of is not None:
        destination, sources = it.address_of
        return state | {destination} if state & sources else state - {destination} | _STACK
    kept = {each for each in state if it.updates and each == it.base}
    return (state - it.writes) | kept | _STACK

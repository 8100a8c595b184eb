"""The loops of a function, from the instructions of it that were executed.

Basic blocks, dominators by iteration over the blocks in reverse postorder (Cooper, Harvey, Kennedy:
A Simple, Fast Dominance Algorithm), and a natural loop for each block that is jumped back to by one
that it dominates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from mnv3gen.profile.decode import Instruction


@dataclass(frozen=True)
class Block:
    """Instructions of which all are executed or none, and the addresses of what may follow."""

    instructions: tuple[Instruction, ...]
    after: tuple[int, ...]

    @property
    def address(self) -> int:
        """That of the first instruction."""
        return self.instructions[0].address


@dataclass(frozen=True)
class Loop:
    """A loop by the address of its first block.

    ``own`` are the addresses of its blocks without those of the loops inside of it: a block is that
    of one loop at most.
    """

    address: int
    own: frozenset[int]
    innermost: bool


def split_blocks(instructions: Iterable[Instruction]) -> dict[int, Block]:
    """The basic blocks of a function by address; jumps elsewhere, and never executed, are none."""
    ordered = sorted(instructions, key=lambda each: each.address)
    addresses = {each.address for each in ordered}
    leaders = {ordered[0].address} | {each.target for each in ordered if each.target in addresses}
    for one, other in pairwise(ordered):
        if one.jumps or one.address + one.size != other.address:
            leaders.add(other.address)
    blocks: dict[int, Block] = {}
    start = 0
    for index, last in enumerate(ordered):
        end = last.address + last.size
        if index + 1 == len(ordered) or ordered[index + 1].address in leaders:
            after = [last.target, end if last.falls else None]
            follows = tuple(each for each in after if each is not None and each in leaders)
            blocks[ordered[start].address] = Block(tuple(ordered[start : index + 1]), follows)
            start = index + 1
    return blocks


def find_loops(blocks: Mapping[int, Block]) -> list[Loop]:
    """The loops by address; those that share their first block are one."""
    before = predecessors(blocks)
    dominators = _dominators(blocks, before)
    bodies: dict[int, set[int]] = {}
    for address, block in blocks.items():
        for header in block.after:
            if header in dominators[address]:
                body = bodies.setdefault(header, {header})
                _add_body(body, address, before)
    by_size = sorted(bodies, key=lambda header: len(bodies[header]))
    owner = {each: header for header in reversed(by_size) for each in bodies[header]}
    return [
        Loop(
            address=header,
            own=frozenset(each for each in bodies[header] if owner[each] == header),
            innermost=not any(other in bodies[header] for other in bodies if other != header),
        )
        for header in sorted(bodies)
    ]


def predecessors(blocks: Mapping[int, Block]) -> dict[int, list[int]]:
    """The blocks from which one may come to a block."""
    before: dict[int, list[int]] = {address: [] for address in blocks}
    for address, block in blocks.items():
        for each in block.after:
            before[each].append(address)
    return before


def _add_body(body: set[int], latch: int, before: Mapping[int, list[int]]) -> None:
    """Add all from which the latch is reached without passing through the header."""
    waiting = [latch]
    while waiting:
        address = waiting.pop()
        if address not in body:
            body.add(address)
            waiting += before[address]


def _dominators(
    blocks: Mapping[int, Block], before: Mapping[int, list[int]]
) -> dict[int, frozenset[int]]:
    """For each block those, itself too, that one must pass to reach it."""
    roots = _roots(blocks, before)
    order = _reverse_postorder(blocks, roots)
    found: dict[int, frozenset[int]] = {}
    changed = True
    while changed:
        changed = False
        for address in order:
            known = [found[each] for each in before[address] if each in found]
            common = frozenset() if address in roots else frozenset.intersection(*known)
            now = common | {address}
            changed = changed or found.get(address) != now
            found[address] = now
    return found


def _roots(blocks: Mapping[int, Block], before: Mapping[int, list[int]]) -> list[int]:
    """The first block, then those that only a jump to an unknown place can reach."""
    roots: list[int] = []
    reached: set[int] = set()
    alone = [address for address in sorted(blocks) if not before[address]]
    for root in [min(blocks), *alone, *sorted(blocks)]:
        if root in reached:
            continue
        roots.append(root)
        waiting = [root]
        while waiting:
            address = waiting.pop()
            if address not in reached:
                reached.add(address)
                waiting += blocks[address].after
    return roots


def _reverse_postorder(blocks: Mapping[int, Block], roots: Iterable[int]) -> list[int]:
    """Every block after those that come before it, but for jumps back."""
    seen: set[int] = set()
    order: list[int] = []
    for root in roots:
        waiting = [(root, False)]
        while waiting:
            address, done = waiting.pop()
            if done:
                order.append(address)
            elif address not in seen:
                seen.add(address)
                waiting.append((address, True))
                waiting += ((each, False) for each in blocks[address].after)
    return order[::-1]

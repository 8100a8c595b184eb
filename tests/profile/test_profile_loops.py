"""Loops of small graphs of blocks, drawn by hand."""

from __future__ import annotations

from mnv3gen.profile.decode import Instruction
from mnv3gen.profile.loops import find_loops, split_blocks


def code(*jumps: tuple[int, bool] | None) -> list[Instruction]:
    """Instructions at 0, 4, 8, ...: None, or a jump (target, whether it may fall through)."""
    return [
        Instruction(
            address=4 * index,
            size=4,
            mnemonic="b" if jump else "nop",
            operands="",
            jumps=jump is not None,
            target=jump[0] if jump else None,
            falls=jump is None or jump[1],
        )
        for index, jump in enumerate(jumps)
    ]


def test_no_loop() -> None:
    blocks = split_blocks(code(None, (12, True), None, None))
    assert {address: block.after for address, block in blocks.items()} == {
        0: (12, 8),
        8: (12,),
        12: (),
    }
    assert find_loops(blocks) == []


def test_two_loops_in_one() -> None:
    # 0; 4 outer; 8 first inner; 12 b 8; 16; 20 second inner, b 20; 24 b 4; 28
    blocks = split_blocks(
        code(None, None, None, (8, True), None, (20, True), (4, True), None),
    )
    found = {loop.address: (sorted(loop.own), loop.innermost) for loop in find_loops(blocks)}
    assert found == {4: ([4, 16, 24], False), 8: ([8], True), 20: ([20], True)}


def test_a_loop_whose_body_lies_elsewhere() -> None:
    # 0; 4 loop, to 16 now and then; 8 b 4; 12 leave to 24; 16 out of line; 20 b 8; 24
    blocks = split_blocks(
        code(None, (16, True), (4, True), (24, False), None, (8, False), None),
    )
    (loop,) = find_loops(blocks)
    assert (loop.address, sorted(loop.own), loop.innermost) == (4, [4, 8, 16], True)


def test_the_function_itself_is_a_loop() -> None:
    blocks = split_blocks(code(None, (0, True), None))
    (loop,) = find_loops(blocks)
    assert (loop.address, sorted(loop.own)) == (0, [0])


def test_a_cycle_with_two_ways_in_is_no_natural_loop() -> None:
    # 0 to 8 or 4; 4; 8 b 4
    blocks = split_blocks(code((8, True), None, (4, True), None))
    assert find_loops(blocks) == []

"""Instructions to classes and registers: encodings assembled elsewhere, meanings by hand."""

from __future__ import annotations

import pytest

from mnv3gen.cycles import aarch64, x86
from mnv3gen.cycles.decoded import COUNTER, FLAGS, NONE, VECTORS, Decoded, Memory

V = VECTORS


def arm(word: int) -> Decoded:
    (found,) = aarch64.disassembler().disasm(word.to_bytes(4, "little"), 0)
    return aarch64.decode(found)


def amd(code: str) -> Decoded:
    (found,) = x86.disassembler().disasm(bytes.fromhex(code), 0)
    return x86.decode(found)


# Encodings of the Arm Architecture Reference Manual, assembled by LLVM.
ARM = {
    0x4F821020: ("fmla", (V + 0, V + 1, V + 2), (V + 0,)),  # fmla v0.4s, v1.4s, v2.s[0]
    0x0E22D420: ("fadd64", (V + 1, V + 2), (V + 0,)),  # fadd v0.2s, v1.2s, v2.2s
    0x3DC00020: ("vload", (1,), (V + 0,)),  # ldr q0, [x1]
    0xAD400420: ("vload_pair", (1,), (V + 0, V + 1)),  # ldp q0, q1, [x1]
    0x3C810420: ("vstore alu", (1, V + 0), (1,)),  # str q0, [x1], #16
    0xF9400020: ("load", (1,), (0,)),  # ldr x0, [x1]
    0xEB02003F: ("alu", (1, 2), (FLAGS,)),  # cmp x1, x2
    0x8B020C20: ("shifted", (1, 2), (0,)),  # add x0, x1, x2, lsl #3
    0x9B020C20: ("multiply", (1, 2, 3), (0,)),  # madd x0, x1, x2, x3
    0x6E211C20: ("logic", (), (V + 0,)),  # eor v0.16b, v1.16b, v1.16b: zeros
    0x0E22C020: ("vmull", (V + 1, V + 2), (V + 0,)),  # smull v0.8h, v1.8b, v2.8b
    0x4E228020: ("vmlal", (V + 0, V + 1, V + 2), (V + 0,)),  # smlal2 v0.8h, v1.16b, v2.16b
    0x4E606820: ("vadalp", (V + 0, V + 1), (V + 0,)),  # sadalp v0.4s, v1.8h
    0x6E62B420: ("vmul", (V + 1, V + 2), (V + 0,)),  # sqrdmulh v0.8h, v1.8h, v2.8h
    0x0E621020: ("vaddw", (V + 1, V + 2), (V + 0,)),  # saddw v0.4s, v1.4s, v2.4h
    0x0F08A420: ("vextend", (V + 1,), (V + 0,)),  # sshll v0.8h, v1.8b, #0, which sxtl is
    0x4F0BA420: ("vextend", (V + 1,), (V + 0,)),  # sshll2 v0.8h, v1.16b, #3
    0x4EA25C20: ("vshift_by", (V + 1, V + 2), (V + 0,)),  # sqrshl v0.4s, v1.4s, v2.4s
    0x4EA24420: ("vshift_by", (V + 1, V + 2), (V + 0,)),  # sshl v0.4s, v1.4s, v2.4s
    0x4E823820: ("zip", (V + 1, V + 2), (V + 0,)),  # zip1 v0.4s, v1.4s, v2.4s
    0xD503201F: ("none", (), ()),  # nop
}


@pytest.mark.parametrize("word", ARM)
def test_aarch64(word: int) -> None:
    found = arm(word)
    assert (found.classes, found.reads, found.writes) == ARM[word]


def test_an_accumulator_and_a_lane_that_is_kept() -> None:
    assert arm(0x4F821020).accumulator == V + 0
    lane = arm(0x6E0C0420)  # mov v0.s[1], v1.s[0]
    assert (lane.classes, lane.accumulator, lane.reads) == ("insert", V + 0, (V + 0, V + 1))


def test_addresses_of_aarch64() -> None:
    assert arm(0x3DC00020).memory == Memory(1, NONE, 1, 0)
    assert arm(0x3DC00420).memory == Memory(1, NONE, 1, 16)  # ldr q0, [x1, #16]
    assert arm(0x3CE27820).memory == Memory(1, 2, 16, 0)  # ldr q0, [x1, x2, lsl #4]
    after = arm(0x3CC10420)  # ldr q0, [x1], #16: the base moves on afterwards
    assert (after.memory, after.writeback) == (Memory(1, NONE, 1, 0), True)
    before = arm(0x3CC10C20)  # ldr q0, [x1, #16]!
    assert (before.memory, before.writeback) == (Memory(1, NONE, 1, 16), True)


def test_branches_of_aarch64() -> None:
    loop = arm(0x54FFFFE1)  # b.ne #-4
    assert (loop.classes, loop.conditional, loop.branches) == ("branch", True, True)
    back = arm(0xD65F03C0)  # ret
    assert (back.conditional, back.branches) == (False, True)


# Encodings of the x86-64 manuals, by hand from VEX's fields.
AMD = {
    "c4e275b8c2": ("fma256", (V + 0, V + 1, V + 2), (V + 0,)),  # vfmadd231ps ymm0, ymm1, ymm2
    "c4e275b806": ("vload256 fma256", (6, V + 0, V + 1), (V + 0,)),  # ..., [rsi]
    "c5fc1006": ("vload256", (6,), (V + 0,)),  # vmovups ymm0, [rsi]
    "c5fc1107": ("vstore256", (7, V + 0), ()),  # vmovups [rdi], ymm0
    "c4e27d1806": ("vload128", (6,), (V + 0,)),  # vbroadcastss ymm0, [rsi]
    "c5f857c0": ("none", (), (V + 0,)),  # vxorps xmm0, xmm0, xmm0
    "4883c001": ("alu", (0,), (0, FLAGS)),  # add rax, 1
    "488b06": ("load", (6,), (0,)),  # mov rax, [rsi]
}


@pytest.mark.parametrize("code", AMD)
def test_x86(code: str) -> None:
    found = amd(code)
    classes = "vload128 permute256" if code == "c4e27d1806" else AMD[code][0]
    assert found.classes in (AMD[code][0], classes)
    assert (found.reads, found.writes) == AMD[code][1:]
    assert found.fused


def test_addresses_and_branches_of_x86() -> None:
    assert amd("c5fc10448e40").memory == Memory(6, 1, 4, 64)  # vmovups ymm0, [rsi + 4*rcx + 64]
    assert amd("488b0510000000").memory == Memory(COUNTER, NONE, 1, 16)  # mov rax, [rip + 16]
    jump = amd("75fe")  # jne
    assert (jump.classes, jump.conditional, jump.reads) == ("branch", True, (FLAGS,))

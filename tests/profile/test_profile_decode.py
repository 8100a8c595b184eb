"""Multiply-adds of one instruction, from the Arm Architecture Reference Manual."""

from __future__ import annotations

from pathlib import Path

import pytest
from assembled import assemble

from mnv3gen.profile.decode import decode

pytestmark = pytest.mark.compile

MADDS = {
    "fmla v0.4s, v1.4s, v2.4s": 4,
    "fmls v0.2s, v1.2s, v2.2s": 2,
    "fmla v0.4s, v1.4s, v2.s[3]": 4,
    "fmla v0.2d, v1.2d, v2.2d": 2,
    "fmla v0.8h, v1.8h, v2.8h": 8,
    "mla v0.16b, v1.16b, v2.16b": 16,
    "smlal v0.8h, v1.8b, v2.8b": 8,
    "smlal2 v0.4s, v1.8h, v2.h[1]": 4,
    "sdot v0.4s, v1.16b, v2.16b": 16,
    "udot v0.2s, v1.8b, v2.4b[1]": 8,
    "fmla s0, s1, v2.s[1]": 0,
    "fmadd s0, s1, s2, s3": 0,
    "fmul v0.4s, v1.4s, v2.4s": 0,
    "madd x0, x1, x2, x3": 0,
}
MOVES = {  # loads, stores, moves vectors, base
    "ldr q0, [sp, #16]": (True, False, True, "sp"),
    "stp d8, d9, [x29, #-16]!": (False, True, True, "fp"),
    "ld1 {v0.4s, v1.4s}, [x8], #32": (True, False, True, "x8"),
    "st1 {v0.s}[1], [x3]": (False, True, True, "x3"),
    "ldr w3, [x4, #0xb0]": (True, False, False, "x4"),
    "prfm pldl1keep, [x3, #64]": (False, False, False, None),
    "add x8, sp, #16": (False, False, False, None),
}


def test_multiply_adds_and_moves(tmp_path: Path) -> None:
    code = [*MADDS, *MOVES]
    library = assemble(tmp_path, {"all": "\n".join(code)})
    (function,) = set(library.functions)
    decoded = decode(library, [(function.address, function.size)]).values()
    found = dict(zip(code, decoded, strict=True))
    assert {text: found[text].madds for text in MADDS} == MADDS
    moves = {each: found[each] for each in MOVES}
    assert {
        text: (each.loads, each.stores, each.vector, each.base) for text, each in moves.items()
    } == MOVES
    assert found["add x8, sp, #16"].address_of == ("x8", frozenset({"sp"}))

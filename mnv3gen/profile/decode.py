"""What the executed instructions are, as far as a profile asks: from capstone's disassembly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import capstone

from mnv3gen.execute.library import Library

# Multiply-adds for each lane of the destination, by mnemonic: aarch64, then arm without its type.
_MULTIPLY_ADDS = {
    **dict.fromkeys(("fmla", "fmls", "mla", "mls", "fmlal", "fmlal2", "fmlsl", "fmlsl2"), 1),
    **dict.fromkeys(
        ("smlal", "smlal2", "smlsl", "smlsl2", "umlal", "umlal2", "umlsl", "umlsl2"), 1
    ),
    **dict.fromkeys(("sdot", "udot", "usdot", "sudot"), 4),
    **dict.fromkeys(("bfmlalb", "bfmlalt"), 1),
    **dict.fromkeys(("smmla", "ummla", "usmmla"), 8),
    **{"bfdot": 2, "bfmmla": 4},
    **dict.fromkeys(("vmla", "vmls", "vfma", "vfms", "vmlal", "vmlsl"), 1),
    **dict.fromkeys(("vsdot", "vudot", "vusdot", "vsudot"), 4),
}
_LANES = re.compile(r"v\d+\.(\d+)[bhsd]\b")
_VECTOR = re.compile(r"\b[qdshbv]\d+\b")
_BASE = re.compile(r"\[([a-z]\w*)")
_LOADS = {"aarch64": ("ld",), "arm": ("ldr", "ldm", "vld", "pop", "vpop")}
_STORES = {"aarch64": ("st",), "arm": ("str", "stm", "vst", "push", "vpush")}
_ADDRESSING = re.compile(r"(add|sub|mov|orr)(s|w)?(\.w)?")  # that make one address of another
_ALWAYS = ("b", "b.w", "br", "bx")
_ALIASES = {"x29": "fp", "w29": "fp", "x30": "lr", "w30": "lr", "wsp": "sp", "r13": "sp"}


@dataclass(frozen=True)
class Instruction:
    """One instruction; registers are named by their whole (``x8`` for ``w8``).

    ``madds`` is what a vector multiply-add does, 0 for any other instruction; ``vector`` whether a
    load or store moves vector registers, ``base`` its address register, and ``updates`` whether
    that moves on meanwhile. ``address_of`` is (destination, sources) of an instruction that may
    make an address of another. ``jumps`` is whether it ends a basic block, ``target`` where it
    jumps, ``falls`` whether the next may follow.
    """

    address: int
    size: int
    mnemonic: str
    operands: str
    madds: int = 0
    loads: bool = False
    stores: bool = False
    vector: bool = False
    base: str | None = None
    updates: bool = False
    writes: frozenset[str] = frozenset()
    address_of: tuple[str, frozenset[str]] | None = None
    calls: bool = False
    jumps: bool = False
    falls: bool = True
    target: int | None = None


def decode(library: Library, stretches: Iterable[tuple[int, int]]) -> dict[int, Instruction]:
    """The instructions, by address, of stretches of code (address, bytes) that may overlap."""
    found: dict[int, Instruction] = {}
    disassemblers: dict[bool, Any] = {}
    for address, size in stretches:
        function = library.function_at(address)
        thumb = library.architecture == "arm" and bool(function and function.address & 1)
        if thumb not in disassemblers:
            disassemblers[thumb] = _disassembler(library.architecture, thumb)
        for each in disassemblers[thumb].disasm(_code(library, address, size), address):
            found[each.address] = _instruction(library.architecture, each)
    return found


def _code(library: Library, address: int, size: int) -> bytes:
    for segment in library.segments:
        start = address - segment.address
        if 0 <= start < len(segment.data):
            return segment.data[start : start + size]
    raise AssertionError(f"{address:#x} was executed, but lies outside of {library.path}")


def _disassembler(architecture: str, thumb: bool) -> Any:
    if architecture == "aarch64":
        disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    else:
        mode = capstone.CS_MODE_THUMB if thumb else capstone.CS_MODE_ARM
        disassembler = capstone.Cs(capstone.CS_ARCH_ARM, mode | capstone.CS_MODE_V8)
    disassembler.detail = True
    disassembler.skipdata = True
    return disassembler


def _instruction(architecture: str, it: Any) -> Instruction:
    if not it.id:  # what capstone does not know
        return Instruction(it.address, it.size, it.mnemonic, it.op_str)
    loads = it.mnemonic.startswith(_LOADS[architecture])
    stores = it.mnemonic.startswith(_STORES[architecture])
    moves = loads or stores
    return Instruction(
        it.address,
        it.size,
        it.mnemonic,
        it.op_str,
        madds=_madds(it.mnemonic, it.op_str),
        loads=loads,
        stores=stores,
        vector=moves and _VECTOR.search(it.op_str) is not None,
        base=_base(it) if moves else None,
        updates=moves and bool(it.writeback),
        writes=_writes(it),
        address_of=None if moves else _address_of(it),
        **_flow(it),
    )


def _madds(mnemonic: str, operands: str) -> int:
    """Lanes of the destination times multiply-adds of a lane; 0 if it is no vector."""
    name, _, kind = mnemonic.partition(".")
    each = _MULTIPLY_ADDS.get(name, 0)
    if not kind:
        lanes = _LANES.match(operands)
        return each * int(lanes[1]) if lanes else 0
    bits = {"q": 128, "d": 64}.get(operands[:1], 0)
    element = int(re.sub(r"\D", "", kind) or 0)
    if not each or not bits or element == 64:
        return 0
    wider = 4 if each == 4 else 2 if name.endswith("l") else 1  # the destination's elements are
    return each * bits // (element * wider)


def _base(it: Any) -> str:
    found = _BASE.search(it.op_str)
    if found:
        return _whole(found[1])
    if it.mnemonic.startswith(("push", "pop", "vpush", "vpop")):
        return "sp"
    return _whole(re.split(r"\W", it.op_str, maxsplit=1)[0])


def _writes(it: Any) -> frozenset[str]:
    _, written = it.regs_access()
    return frozenset(_whole(it.reg_name(register)) for register in written)


def _address_of(it: Any) -> tuple[str, frozenset[str]] | None:
    if not _ADDRESSING.fullmatch(it.mnemonic) or _VECTOR.match(it.op_str):
        return None
    named = [it.reg_name(each.reg) for each in it.operands if each.type == capstone.CS_OP_REG]
    destination, *sources = map(_whole, named)
    if not sources and not it.mnemonic.startswith("mov"):
        sources = [destination]  # add r4, #8
    return destination, frozenset(sources)


def _flow(it: Any) -> dict[str, Any]:
    groups = {it.group_name(group) for group in it.groups}
    if "call" in groups:
        return {"calls": True}
    if "jump" in groups:
        target = it.operands[-1].imm if "branch_relative" in groups else None
        return {"jumps": True, "falls": it.mnemonic not in _ALWAYS, "target": target}
    if "return" in groups:
        return {"jumps": True, "falls": False}
    if "pc" in _writes(it):
        always = it.cc in (capstone.arm.ARM_CC_INVALID, capstone.arm.ARM_CC_AL)
        return {"jumps": True, "falls": not always}
    return {}


def _whole(register: str) -> str:
    if register in _ALIASES:
        return _ALIASES[register]
    return f"x{register[1:]}" if re.fullmatch(r"w\d+", register) else register

"""What the instructions of x86-64 are to a core: class, registers, addresses; from capstone."""

from __future__ import annotations

import re
from typing import Any

import capstone

from mnv3gen.cycles.decoded import COUNTER, FLAGS, MASKS, NONE, VECTORS, Decoded, Memory

# In the hardware's order, by which `native/step.c` finds them.
_GENERAL = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
_LEGACY = re.compile(r"[re]?([abcd]x|[sb]p|[sd]i)l?$|([abcd])[hl]$")
_NUMBERED = re.compile(r"r(\d+)[dwb]?$")
_VECTOR = re.compile(r"[xyz]mm(\d+)$")
_MASK = re.compile(r"k(\d)$")
STACK_POINTER = 4

_CLASSES = (
    ("fma", r"vfn?m(add|sub)"),
    ("fadd", r"v?(add|sub|hadd)[ps][sd]"),
    ("fmul", r"v?mul[ps][sd]"),
    ("fminmax", r"v?(min|max)[ps][sd]"),
    ("fcompare", r"v?u?comis|v?cmp.*[ps][sd]"),
    ("fdivide", r"v?div[ps][sd]"),
    ("fsqrt", r"v?r?sqrt"),
    ("fconvert", r"v?cvt"),
    ("fround", r"v?rnd|v?round|v?reduce|v?getexp|v?scalef"),
    ("blend", r"v?p?blend"),
    ("permute", r"vperm|v(insert|extract)[fi]|vbroadcast|vpbroadcast|vshuf[fi]"),
    ("shuffle", r"v?p?shuf|v?unpck|v?punpck|v?palignr|v?mov(sl|sh|dd|h|l)|v?insertps|vpack|pack"),
    ("dot", r"vpdp|v?pmadd"),
    ("vmul", r"v?pmul"),
    ("vshift", r"v?ps(ll|rl|ra)|v?pmov|vpro"),
    ("to_general", r"v?(p?movmsk|pextr)"),
    ("from_general", r"v?pinsr"),
    ("mask", r"k(mov|and|or|xor|not|shift|test|unpck|add)"),
    ("logic", r"v?p?(and|or|xor|andn|ternlog)|vpternlog|vp?test|v?ptest"),
)
_KINDS = [(kind, re.compile(pattern)) for kind, pattern in _CLASSES]
_MOVES = re.compile(r"v?mov(ap|up|dqa|dqu|ss|sd|q|d|nt)|vlddqu|vmaskmov")
_ZEROING = re.compile(r"v?p?xor|v?pxor")
_VECTOR_BITS = {16: "128", 32: "256", 64: "512"}


def disassembler() -> Any:
    """Capstone for this architecture, with operands."""
    found = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    found.detail = True
    found.skipdata = True
    return found


def decode(it: Any) -> Decoded:
    """An instruction of capstone's."""
    if not it.id:
        return Decoded("none", it.size)
    name = it.mnemonic.split()[-1]
    reads, writes = (_numbers(it, registers) for registers in it.regs_access())
    vectors = [op for op in it.operands if op.type == 1 and _VECTOR.match(it.reg_name(op.reg))]
    bits = max((op.size for op in vectors), default=0)
    memory, operand = _memory(it)
    accumulator = None
    if name.startswith("vf") or ("{k" in it.op_str and "{z}" not in it.op_str):
        accumulator = _register(it, it.operands[0].reg) if it.operands[0].type == 1 else None
        reads |= {accumulator} if accumulator is not None else set()
    kind = _kind(name, it, bool(vectors))
    if kind == "logic" and _ZEROING.match(name) and _same(it, vectors):
        kind, reads = "none", set()
    loads = operand is not None and bool(operand.access & capstone.CS_AC_READ)
    stores = operand is not None and bool(operand.access & capstone.CS_AC_WRITE)
    if kind == "move" and operand is not None and it.operands[0].type == capstone.CS_OP_MEM:
        loads, stores = False, True  # whatever capstone says of some moves to memory
    loads, stores, memory = _implicit(name, loads, stores, memory)
    if name in ("lea", "nop"):
        loads = stores = False
    if name.startswith("prefetch"):
        return Decoded("prefetch", it.size, tuple(reads), memory=memory, fused=True)
    width = _VECTOR_BITS.get(bits, "128") if vectors else ""
    size = operand.size if operand is not None else 8
    moved = ("v" if vectors else "", width)
    classes = []
    if loads:
        classes.append(f"{moved[0]}load{_wide(moved[1], size) if vectors else ''}")
    if kind not in ("move", "none") or not (loads or stores):
        classes.append(f"{kind}{width}" if vectors and kind not in ("none", "move") else kind)
    if stores:
        classes.append(f"{moved[0]}store{width if vectors else ''}")
    conditional, branches = _branch(it)
    return Decoded(
        classes=" ".join(classes),
        size=it.size,
        reads=tuple(sorted(reads)),
        writes=tuple(sorted(writes)),
        accumulator=accumulator,
        branches=branches,
        conditional=conditional,
        bytes=min(size, 64),
        memory=memory if loads or stores else None,
        fused=True,
    )


def _wide(width: str, size: int) -> str:
    """A broadcast from memory reads one element, which is a narrow load."""
    return width if size > 8 else "128"


def _implicit(
    name: str, loads: bool, stores: bool, memory: Memory | None
) -> tuple[bool, bool, Memory | None]:
    """Of the stack, as calls and pushes have it."""
    if name in ("push", "call"):
        return loads, True, memory or Memory(base=STACK_POINTER, offset=-8)
    if name in ("pop", "ret"):
        return True, stores, memory or Memory(base=STACK_POINTER)
    return loads, stores, memory


def _kind(name: str, it: Any, vector: bool) -> str:
    if _branch(it)[1]:
        return "branch"
    if vector:
        if _MOVES.match(name):
            general = [op for op in it.operands if op.type == 1
                       and not _VECTOR.match(it.reg_name(op.reg))
                       and not _MASK.match(it.reg_name(op.reg))]  # fmt: skip
            if not general:
                return "move"
            return "to_general" if it.operands[0].reg == general[0].reg else "from_general"
        return next((kind for kind, pattern in _KINDS if pattern.match(name)), "vadd")
    if name.startswith("k"):
        return "mask"
    if name.startswith("mov") or name in ("push", "pop"):
        return "move"
    if name in ("nop", "endbr64", "vzeroupper") or name.startswith("nop"):
        return "none"
    if name in ("imul", "mul", "mulx"):
        return "multiply"
    return "divide" if name in ("div", "idiv") else "alu"


def _branch(it: Any) -> tuple[bool, bool]:
    groups = set(it.groups)
    found = {capstone.CS_GRP_JUMP, capstone.CS_GRP_CALL, capstone.CS_GRP_RET}
    branches = bool(groups & found)
    return branches and it.mnemonic.startswith("j") and it.mnemonic != "jmp", branches


def _memory(it: Any) -> tuple[Memory | None, Any]:
    for op in it.operands:
        if op.type == capstone.CS_OP_MEM:
            base = _address_register(it, op.mem.base)
            index = _address_register(it, op.mem.index)
            return Memory(base, index, op.mem.scale, op.mem.disp), op
    return None, None


def _address_register(it: Any, register: int) -> int:
    if not register:
        return NONE
    if it.reg_name(register) == "rip":
        return COUNTER
    found = _register(it, register)
    return NONE if found is None else found


def _same(it: Any, vectors: list[Any]) -> bool:
    return len(vectors) >= 2 and vectors[-1].reg == vectors[-2].reg


def _numbers(it: Any, registers: Any) -> set[int]:
    found = (_register(it, each) for each in registers)
    return {each for each in found if each is not None}


def _register(it: Any, register: int) -> int | None:
    name = it.reg_name(register) or ""
    if found := _VECTOR.match(name):
        return VECTORS + int(found[1])
    if found := _NUMBERED.match(name):
        return int(found[1])
    if found := _MASK.match(name):
        return MASKS + int(found[1])
    if found := _LEGACY.match(name):
        return _GENERAL.index(found[1] or f"{found[2]}x")
    return FLAGS if name in ("eflags", "rflags", "flags") else None

"""What the instructions of aarch64 are to a core: class, registers, branches; from capstone."""

from __future__ import annotations

import re
from typing import Any

import capstone

from mnv3gen.cycles.decoded import FLAGS, NONE, STACK, VECTORS, Decoded, Memory

_MNEMONICS = {
    "fadd": "fadd fsub fabd faddp fneg fabs frecpe frsqrte frintm frintn frintp frintz frinta",
    "fmul": "fmul fmulx fnmul frecps frsqrts",
    "fmla": "fmla fmls fmadd fmsub fnmadd fnmsub fmlal fmlal2 fmlsl fmlsl2",
    "fminmax": "fmax fmin fmaxnm fminnm fmaxp fminp fcmeq fcmge fcmgt fcmle fcmlt",
    "fcompare": "fcmp fcmpe fccmp fcsel",
    "fconvert": "fcvtl fcvtl2 fcvtn fcvtn2 fcvtzs fcvtzu fcvtns fcvtas fcvt scvtf ucvtf",
    "fdivide": "fdiv",
    "fsqrt": "fsqrt",
    "logic": "and orr eor bic orn mvn not movi mvni",
    "select": "bsl bit bif",
    "vadd": "add sub neg abs smax smin umax umin saddl saddl2 uaddl uaddl2 ssubl "
    "ssubl2 usubl usubl2 cmeq cmge cmgt cmhi cmhs sqadd sqsub uqadd uqsub addp saddlp uaddlp",
    "vaddw": "saddw saddw2 uaddw uaddw2 ssubw ssubw2 usubw usubw2",
    "vextend": "sxtl sxtl2 uxtl uxtl2 sshll sshll2 ushll ushll2",
    "vmul": "mul sqdmulh sqrdmulh",
    "vmull": "smull smull2 umull umull2",
    "vmla": "mla mls",
    "vmlal": "smlal smlal2 umlal umlal2 smlsl smlsl2 umlsl umlsl2",
    "vadalp": "sadalp uadalp",
    "dot": "sdot udot usdot sudot",
    "vshift": "shl sshr ushr srshr urshr ssra usra srsra shrn shrn2 rshrn "
    "rshrn2 sqshrn sqrshrn sqrshrun sqxtn sqxtn2 sqxtun sqxtun2 uqxtn uqxtn2 xtn xtn2 "
    "sqshlu sli sri",
    "vshift_by": "sshl ushl srshl urshl sqshl uqshl sqrshl uqrshl",
    "permute": "trn1 trn2 ext rev64 rev32 rev16",
    "zip": "zip1 zip2 uzp1 uzp2",
    "table": "tbl tbx",
    "reduce": "addv saddlv uaddlv smaxv sminv umaxv uminv fmaxv fminv fmaxnmv fminnmv",
}
_CLASSES = {name: kind for kind, names in _MNEMONICS.items() for name in names.split()}
_ACCUMULATE = (
    "fmla fmls fmlal fmlal2 fmlsl fmlsl2 mla mls smlal smlal2 umlal umlal2 smlsl smlsl2 umlsl "
    "umlsl2 sdot udot usdot sudot ssra usra srsra sadalp uadalp bsl bit bif sli sri tbx movk xtn2 "
    "sqxtn2 uqxtn2 sqxtun2 shrn2 rshrn2 fcvtn2"
)
_ACCUMULATING = frozenset(_ACCUMULATE.split())  # what is written is read before
_OVERWRITE = "lsl lsr asr ror ubfiz sbfiz ubfx sbfx sxtw sxth sxtb uxtb uxth fmov"
_OVERWRITING = frozenset(_OVERWRITE.split())  # what is written is not read before
_COMPARING = ("cmp", "cmn", "tst", "fcmp", "fcmpe", "ccmp", "ccmn", "fccmp")
_VECTOR = re.compile(r"\b([vqdshb])(\d+)\b(?:\.(\d*)([bhsd]))?")
_GENERAL = re.compile(r"[xw](\d+)$")
_ALIASES = {"fp": 29, "lr": 30, "sp": STACK, "wsp": STACK, "nzcv": FLAGS}
_WIDE = {"q", "v"}


def disassembler() -> Any:
    """Capstone for this architecture, with operands."""
    found = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    found.detail = True
    found.skipdata = True
    return found


def decode(it: Any) -> Decoded:
    """An instruction of capstone's."""
    if not it.id:
        return Decoded("none", it.size)
    name = it.mnemonic.split(".")[0]
    operands = it.op_str
    vectors = _VECTOR.findall(operands)
    reads, writes = (_numbers(it, registers) for registers in it.regs_access())
    if name in _COMPARING:  # capstone takes the first operand for written
        reads = _numbers(it, [op.reg for op in it.operands if op.type == capstone.CS_OP_REG])
        writes = {FLAGS}
    destination = _first_register(it)
    accumulator = None
    if name in _ACCUMULATING or _writes_lane(operands):
        accumulator = destination
        reads |= {destination} if destination is not None else set()
    if name in ("fmadd", "fmsub", "fnmadd", "fnmsub", "madd", "msub", "smaddl", "umaddl"):
        accumulator = _register(it, it.operands[3].reg)
    if name in _OVERWRITING:  # capstone takes what is written for read
        reads = _numbers(it, [op.reg for op in it.operands[1:] if op.type == capstone.CS_OP_REG])
    if name in ("movi", "mvni") or _is_zeroing(name, it):
        reads = set()
    conditional, branches = _branch(it)
    kind, accesses = _kind(name, it, vectors)
    classes = [kind] * accesses if accesses else [kind]
    if it.writeback and kind != "prefetch":
        classes.append("alu")
    narrow = not any(_is_wide(each) for each in vectors[:1])
    if vectors and narrow and kind not in ("from_general", "to_general"):
        classes = [f"{each}64" if each != "alu" else each for each in classes]
    return Decoded(
        classes=" ".join(classes),
        size=it.size,
        reads=tuple(sorted(reads)),
        writes=tuple(sorted(writes)),
        accumulator=accumulator,
        base=_base(it),
        writeback=bool(it.writeback),
        branches=branches,
        conditional=conditional,
        bytes=_bytes(vectors, it),
        memory=_memory(it),
    )


def _kind(name: str, it: Any, vectors: list[tuple[str, str, str, str]]) -> tuple[str, int]:
    """The class, and how many times it comes: the registers of a load of several."""
    if name.startswith("prfm") or name.startswith("prfum"):
        return "prefetch", 1
    if name.startswith(("ld", "st")) and name != "stsetl":
        return _move(name, it, vectors)
    if _branch(it)[1]:
        return "branch", 1
    if vectors:
        return _vector(name, it), 1
    if name in ("madd", "msub", "mul", "mneg", "smull", "umull", "smaddl", "umaddl", "umulh"):
        return "multiply", 1
    if name in ("udiv", "sdiv"):
        return "divide", 1
    if name in ("nop", "hint", "bti"):
        return "none", 1
    sources = [op for op in it.operands if op.type == capstone.CS_OP_REG]
    shifts = any(op.shift.type and op.shift.value for op in sources)
    extends = any(op.ext for op in sources)
    return ("shifted" if shifts or extends else "alu"), 1


def _move(name: str, it: Any, vectors: list[tuple[str, str, str, str]]) -> tuple[str, int]:
    way = "load" if name.startswith("ld") else "store"
    pair = "_pair" if name in ("ldp", "stp", "ldnp", "stnp") else ""
    if not vectors:
        return f"{way}{pair}", 1
    if name in ("ld1r", "ld2r", "ld3r", "ld4r"):
        return "vload_dup", len(vectors)
    if "[" in it.op_str.partition("}")[2][:2]:
        return ("vload_lane" if way == "load" else "vstore"), len(vectors)
    return f"v{way}{pair}", 1 if pair or name in ("ldr", "str", "ldur", "stur") else len(vectors)


def _vector(name: str, it: Any) -> str:
    if name in ("dup", "ins", "mov", "fmov", "umov", "smov"):
        kinds = [_GENERAL.match(it.reg_name(op.reg) or "") is not None or
                 (it.reg_name(op.reg) or "").endswith("zr")
                 for op in it.operands if op.type == capstone.CS_OP_REG]  # fmt: skip
        if kinds and kinds[0]:
            return "to_general"
        if any(kinds):
            return "from_general"
        if name == "dup":
            return "permute"
        return "insert" if _writes_lane(it.op_str) or "[" in it.op_str else "vmove"
    if name in ("scvtf", "ucvtf", "fcvtzs", "fcvtzu") and len(_VECTOR.findall(it.op_str)) == 1:
        return "to_general" if name.startswith("fcvt") else "from_general"
    return _CLASSES.get(name, "vadd")


def _branch(it: Any) -> tuple[bool, bool]:
    """Whether it is conditional, and whether it may go elsewhere at all."""
    groups = set(it.groups)
    jumps = {capstone.CS_GRP_JUMP, capstone.CS_GRP_CALL, capstone.CS_GRP_RET}
    branches = bool(groups & jumps) or it.mnemonic in ("ret", "br", "blr", "bl", "b")
    return branches and it.mnemonic.startswith(("b.", "cb", "tb")), branches


def _numbers(it: Any, registers: Any) -> set[int]:
    found = (_register(it, each) for each in registers)
    return {each for each in found if each is not None}


def _register(it: Any, register: int) -> int | None:
    name = it.reg_name(register) or ""
    if name in _ALIASES:
        return _ALIASES[name]
    if found := _GENERAL.match(name):
        return int(found[1])
    if found := _VECTOR.match(name):
        return VECTORS + int(found[2])
    return None


def _first_register(it: Any) -> int | None:
    for op in it.operands:
        if op.type == capstone.CS_OP_REG:
            return _register(it, op.reg)
    return None


def _writes_lane(operands: str) -> bool:
    return re.match(r"\{? ?v\d+\.[bhsd](, v\d+\.[bhsd])*\}?\[", operands) is not None


def _is_zeroing(name: str, it: Any) -> bool:
    registers = [op.reg for op in it.operands if op.type == capstone.CS_OP_REG]
    return name == "eor" and len(registers) == 3 and registers[1] == registers[2]


def _is_wide(vector: tuple[str, str, str, str]) -> bool:
    kind, _, lanes, element = vector
    if kind == "v":
        bits = {"b": 8, "h": 16, "s": 32, "d": 64}.get(element, 64)
        return not lanes or int(lanes) * bits > 64
    return kind in _WIDE


def _base(it: Any) -> int | None:
    memory = _memory(it)
    return None if memory is None else memory.base


def _memory(it: Any) -> Memory | None:
    for number, op in enumerate(it.operands):
        if op.type == capstone.CS_OP_MEM:
            base = _register(it, op.mem.base)
            index = _register(it, op.mem.index) if op.mem.index else None
            after = it.writeback and number + 1 < len(it.operands)  # the base moves on afterwards
            offset = 0 if after else op.mem.disp
            scale = 1 << op.shift.value if op.shift.type else 1
            return Memory(
                NONE if base is None else base, NONE if index is None else index, scale, offset
            )
    return None


def _bytes(vectors: list[tuple[str, str, str, str]], it: Any) -> int:
    if not vectors:
        return 8
    return 16 if _is_wide(vectors[0]) else {"d": 8, "s": 4, "h": 2, "b": 1}.get(vectors[0][0], 8)

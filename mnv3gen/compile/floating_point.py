"""Which instructions compute in floating point: none of an int8 network but at its two borders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mnv3gen.compile.instructions import disassemble

# x86-64 by Intel's manual: arithmetic, comparisons, minima and conversions end in the type of what
# they compute, after a stem that says it; moves, logic and shuffles of `ps` do not compute.
_X86 = re.compile(
    r"v?(add|sub|mul|div|sqrt|rsqrt|rcp|min|max|cmp|ucomi|comi|round|rndscale|hadd|hsub|addsub|dp|"
    r"fn?m(add|sub|addsub|subadd)(132|213|231)|cvt\w*2|range|reduce|scalef|getexp|getmant|fixupimm)"
    r"\w*?(ps|pd|ss|sd|ph|sh)\w*"
    r"|v?cvt\w*(ps|pd|ss|sd)2\w+|vdpbf16ps|f(add|sub|mul|div|sqrt|ild|ist)\w*"
)
# A64: every arithmetic instruction on floating point starts with f, fmov only moves; and the
# conversions and bfloat16's products.
_A64 = re.compile(r"f(?!mov)\w+|[su]cvtf|bf\w*(dot|mmla|mlal\w|cvt\w*)")
_A32 = re.compile(
    r"v(add|sub|mul|mla|mls|fma|fms|fnma|fnms|nmul|nmla|nmls|div|sqrt|abs|neg|cmp|cmpe|max|min|"
    r"maxnm|minnm|recpe|recps|rsqrte|rsqrts|cvt\w*|rint\w)\w*\.(f16|f32|f64|bf16)\S*|vcvt\S+"
)
_BY_ARCHITECTURE = {"x86_64": _X86, "aarch64": _A64, "arm": _A32}


def computes_in_floating_point(mnemonic: str, architecture: str) -> bool:
    """Whether an instruction, by its name in capstone, computes with floating-point numbers."""
    return _BY_ARCHITECTURE[architecture].fullmatch(mnemonic) is not None


def floating_point(library: Path, architecture: str) -> dict[str, list[str]]:
    """By function of a library, its instructions that compute in floating point.

    Every function that the library's symbol table has is named, with an empty list if it has none.
    """
    spans = sorted(_functions(library))
    found: dict[str, list[str]] = {name: [] for _, _, name in spans}
    for address, mnemonic, operands in disassemble(library, architecture):
        if computes_in_floating_point(mnemonic, architecture):
            owners = [name for first, last, name in spans if first <= address < last]
            for name in owners or [""]:
                found.setdefault(name, []).append(f"{mnemonic} {operands}")
    return found


def _functions(library: Path) -> Iterator[tuple[int, int, str]]:
    """(first address, the one after the last, name); Thumb's odd addresses made even."""
    from elftools.elf.elffile import ELFFile

    with library.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if table else ():
            if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]:
                first = symbol["st_value"] & ~1
                yield first, first + symbol["st_size"], symbol.name

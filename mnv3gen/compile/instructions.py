"""Whether every instruction of a library is one that its target has.

What LLVM is told and what the device has are two things; a wrong feature in a target file, or an
intrinsic in a schedule, would be an illegal instruction on the device. So the code that came out is
disassembled and looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mnv3gen.errors import Mnv3genError
from mnv3gen.targets import Target, lacks

SHOWN = 5  # offending instructions in an error


def check_instructions(library: Path, target: Target) -> int:
    """The number of instructions looked at; Mnv3genError names those that the target lacks."""

    @cache
    def missing(mnemonic: str, operands: str) -> str | None:
        return lacks(target, mnemonic, operands)

    count = 0
    bad: list[str] = []
    for address, mnemonic, operands in disassemble(library, target.architecture):
        count += 1
        feature = missing(mnemonic, operands)
        if feature is not None and len(bad) < SHOWN:
            bad.append(f"  {address:#x}: {mnemonic} {operands} (needs {feature})")
    if bad:
        shown = "\n".join(bad)
        raise Mnv3genError(f"{library.name} has instructions that {target.name} lacks:\n{shown}")
    return count


def disassemble(library: Path, architecture: str) -> Iterator[tuple[int, str, str]]:
    """Address, mnemonic and operands of each instruction of an ELF file, data in code left out."""
    from elftools.elf.elffile import ELFFile

    with library.open("rb") as file:
        elf = ELFFile(file)
        text = elf.get_section_by_name(".text")
        code, start = text.data(), text["sh_addr"]
        for first, last, kind in _regions(elf, start, start + len(code)):
            disassembler = _disassembler(architecture, kind)
            region = code[first - start : last - start]
            for address, _, mnemonic, operands in disassembler.disasm_lite(region, first):
                yield address, mnemonic, operands


def _regions(elf: Any, start: int, end: int) -> list[tuple[int, int, str]]:
    """The stretches of code by their mapping symbols: $x (A64), $a (A32), $t (Thumb), not $d."""
    marks = {start: ""}
    table = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if table else ():
        kind = symbol.name[:2]
        if kind in ("$x", "$a", "$t", "$d") and start <= symbol["st_value"] < end:
            marks[symbol["st_value"]] = kind
    addresses = [*sorted(marks), end]
    spans = itertools.pairwise(addresses)
    return [(first, last, marks[first]) for first, last in spans if marks[first] != "$d"]


@cache
def _disassembler(architecture: str, kind: str) -> Any:
    import capstone

    modes = {
        "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
        "aarch64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM),
        "arm": (
            capstone.CS_ARCH_ARM,
            (capstone.CS_MODE_THUMB if kind == "$t" else capstone.CS_MODE_ARM)
            | capstone.CS_MODE_V8,
        ),
    }
    disassembler = capstone.Cs(*modes[architecture])
    disassembler.skipdata = True
    return disassembler

"""The instructions of a library: none that the target lacks, no division in h-swish."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from support.compiled import Compiler

from mnv3gen.compile.instructions import check_instructions, disassemble
from mnv3gen.errors import Mnv3genError
from mnv3gen.tables.zoo import resolve
from mnv3gen.targets import load

pytestmark = pytest.mark.compile

SMALL = resolve("mobilenet_v3_small", resolution=96)

# Arm Architecture Reference Manual: FEAT_DotProd, FEAT_FHM, FEAT_I8MM, FEAT_BF16, FEAT_FP16.
NEWER_THAN_A72 = {"sdot", "udot", "fmlal", "fmlal2", "smmla", "usdot", "bfdot", "bfmmla"}
HALVES = (".4h", ".8h")
DIVISIONS = {"fdiv", "sdiv", "udiv"}


def test_cortex_a72_gets_only_its_own_instructions(compiler: Compiler) -> None:
    library = compiler(SMALL, "cortex-a72").bundle.library
    instructions = [(name, operands) for _, name, operands in disassemble(library, "aarch64")]
    assert check_instructions(library, load("cortex-a72")) == len(instructions)
    assert not NEWER_THAN_A72 & {name for name, _ in instructions}
    multiplied = [operands for name, operands in instructions if name in ("fmla", "fmul", "fadd")]
    assert multiplied
    assert not [operands for operands in multiplied if any(half in operands for half in HALVES)]


def test_no_division_but_in_pooling(compiler: Compiler) -> None:
    library = compiler(SMALL, "cortex-a72").bundle.library
    with library.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        functions = [
            (symbol.name, symbol["st_value"], symbol["st_value"] + symbol["st_size"])
            for symbol in table.iter_symbols()
            if symbol["st_info"]["type"] == "STT_FUNC"
        ]
    assert [name for name, _, _ in functions if "hswish" in name]
    divisions = [a for a, name, _ in disassemble(library, "aarch64") if name in DIVISIONS]
    owners = {name for at in divisions for name, first, last in functions if first <= at < last}
    assert [name for name in owners if "_pool_" not in name] == []


@pytest.mark.parametrize(
    ("instruction", "feature"),
    [
        ("sdot v0.4s, v1.16b, v2.16b", "dotprod"),
        ("udot v3.4s, v4.16b, v5.4b[1]", "dotprod"),
        ("fmla v0.8h, v1.8h, v2.8h", "fullfp16"),
    ],
)
def test_a_foreign_instruction_is_refused_by_name(
    tmp_path: Path, instruction: str, feature: str
) -> None:
    library = assembled(tmp_path, instruction)
    assert check_instructions(library, load("cortex-a76")) == 2
    with pytest.raises(Mnv3genError) as error:
        check_instructions(library, load("cortex-a72"))
    text = str(error.value)
    assert instruction.split()[0] in text
    assert feature in text
    assert "cortex-a72" in text


def assembled(folder: Path, instruction: str) -> Path:
    """A library with a function of that instruction and a return."""
    source, library = folder / "kernel.s", folder / "libkernel.so"
    source.write_text(f".text\n.globl kernel\nkernel:\n  {instruction}\n  ret\n")
    flags = ["-target", "aarch64-linux-musl", "-mcpu=cortex_a76", "-shared", "-nostdlib"]
    command = [sys.executable, "-m", "ziglang", "cc", *flags, "-o", str(library), str(source)]
    subprocess.run(command, check=True)
    return library

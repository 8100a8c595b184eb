"""Instructions in capstone's spelling, and the feature that the architecture manuals give them."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from mnv3gen import targets

AARCH64 = {
    "sdot v0.4s, v1.16b, v2.4b[1]": "dotprod",
    "usdot v0.4s, v1.16b, v2.16b": "i8mm",
    "bfdot v0.4s, v1.8h, v2.8h": "bf16",
    "fadd v0.8h, v1.8h, v2.8h": "fullfp16",
    "fadd h0, h1, h2": "fullfp16",
    "fmla v0.8h, v1.8h, v2.h[0]": "fullfp16",
    "scvtf h0, w1": "fullfp16",
    "fmlal v0.4s, v1.4h, v2.4h": "fp16fml",
    "fcmla v0.4s, v1.4s, v2.4s, #0x5a": "complxnum",
    "fcvtl v0.4s, v1.4h": None,
    "fcvt s0, h1": None,
    "ldr h0, [x0]": None,
    "fmla v0.4s, v1.4s, v2.s[1]": None,
    "smlal v0.4s, v1.4h, v2.h[0]": None,
    "pmull v0.8h, v1.8b, v2.8b": None,
    "pmull v0.1q, v1.1d, v2.1d": "aes",
    "aese v0.16b, v1.16b": "aes",
    "sha256h q0, q1, v2.4s": "sha2",
    "crc32b w0, w1, w2": "crc",
    "ldadd x0, x1, [x2]": "lse",
    "casal w0, w1, [x2]": "lse",
    "stset w0, [x1]": "lse",
    "ldr x0, [x1]": None,
    "stlr w0, [x1]": None,
    "sqrdmlah v0.4s, v1.4s, v2.4s": "rdm",
    "sqrdmulh v0.4s, v1.4s, v2.4s": None,
    "ldapr w0, [x1]": "rcpc",
    "ldar w0, [x1]": None,
    "fjcvtzs w0, d0": "jsconv",
    "ld1w {z0.s}, p0/z, [x0]": "sve",
    "ptrue p0.s": "sve",
    "cntw x0": "sve",
    "cnt v0.16b, v1.16b": None,
    "prfm pldl1keep, [x0]": None,
}
ARM = {
    "vfma.f32 q0, q1, q2": "vfp4",
    "vfmaeq.f32 s0, s1, s2": "vfp4",
    "vmla.f32 q0, q1, q2": None,
    "vmul.f32 q0, q1, d2[0]": None,
    "sdiv r0, r1, r2": "hwdiv",
    "udivne r0, r1, r2": "hwdiv",
    "vsdot.s8 q0, q1, q2": "dotprod",
    "vcvtb.f32.f16 s0, s1": "fp16",
    "vcvt.s32.f32 q0, q0": None,
    "vadd.f16 q0, q1, q2": "fullfp16",
    "vmaxnm.f32 q0, q1, q2": "fp-armv8",
}
X86_64 = {
    "addps xmm0, xmm1": None,
    "pshufb xmm0, xmm1": "ssse3",
    "pmulld xmm0, xmm1": "sse4.1",
    "vaddps ymm0, ymm1, ymm2": "avx",
    "vpaddd xmm0, xmm1, xmm2": "avx",
    "vpaddd ymm0, ymm1, ymm2": "avx2",
    "vpermilps ymm0, ymm1, 3": "avx",
    "vbroadcastss ymm0, dword ptr [rax]": "avx",
    "vbroadcastss ymm0, xmm1": "avx2",
    "vfmadd231ps ymm0, ymm1, ymm2": "fma",
    "vcvtph2ps ymm0, xmm1": "f16c",
    "vaddps zmm0, zmm1, zmm2": "avx512f",
    "vaddps ymm0 {k1}, ymm1, ymm2": "avx512f",
    "vaddps ymm17, ymm1, ymm2": "avx512vl",
    "vpdpbusd zmm0, zmm1, zmm2": "avx512vnni",
    "mulx eax, ecx, edx": "bmi2",
}
SAMPLES = [
    (architecture, line, feature)
    for architecture, lines in (("aarch64", AARCH64), ("arm", ARM), ("x86_64", X86_64))
    for line, feature in lines.items()
]

# The newest CPU of each architecture that zig knows, so that every sample assembles.
ASSEMBLERS = {
    "aarch64": (
        "aarch64-linux-musl",
        "-mcpu=generic+v8_5a+dotprod+fullfp16+fp16fml+i8mm+bf16+sve+aes+sha2+crc",
    ),
    "arm": ("arm-linux-musleabihf", "-mcpu=cortex_a76"),
    "x86_64": ("x86_64-linux-musl", "-mcpu=sapphirerapids"),
}
SYNTAX = {"aarch64": "", "arm": ".syntax unified\n", "x86_64": ".intel_syntax noprefix\n"}


@pytest.mark.parametrize(("architecture", "line", "feature"), SAMPLES)
def test_feature_of(architecture: str, line: str, feature: str | None) -> None:
    mnemonic, _, operands = line.partition(" ")
    assert targets.feature_of(mnemonic, operands, architecture) == feature


def test_lacks() -> None:
    sdot = ("sdot", "v0.4s, v1.16b, v2.4b[1]")
    assert targets.lacks(targets.load("rpi4"), *sdot) == "dotprod"
    assert targets.lacks(targets.load("pixel3"), *sdot) == "dotprod"
    assert targets.lacks(targets.load("rpi5"), *sdot) is None
    assert targets.lacks(targets.load("rpi4"), "aese", "v0.16b, v1.16b") == "aes"
    assert targets.lacks(targets.load("cortex-a72"), "aese", "v0.16b, v1.16b") is None
    assert targets.lacks(targets.load("armv7"), "vfma.f32", "q0, q1, q2") == "vfp4"


def test_forbidden_mnemonics() -> None:
    forbidden = targets.forbidden_mnemonics(targets.load("pixel2"))
    assert {"sdot": "dotprod", "udot": "dotprod", "usdot": "i8mm"}.items() <= forbidden.items()
    assert not {"fadd", "pmull", "fmla", "aese"} & set(forbidden)
    assert "sdot" not in targets.forbidden_mnemonics(targets.load("rpi5"))


@pytest.mark.compile
@pytest.mark.parametrize("architecture", ASSEMBLERS)
def test_capstone_spells_instructions_as_the_rules_do(architecture: str, tmp_path: Path) -> None:
    samples = [(line, feature) for kind, line, feature in SAMPLES if kind == architecture]
    source, binary = tmp_path / "samples.s", tmp_path / "samples.o"
    source.write_text(SYNTAX[architecture] + "\n".join(line for line, _ in samples) + "\n")
    zig_target, cpu = ASSEMBLERS[architecture]
    command = ["-m", "ziglang", "cc", "-c", "-target", zig_target, cpu]
    subprocess.run([sys.executable, *command, str(source), "-o", str(binary)], check=True)
    found = [
        targets.feature_of(mnemonic, operands, architecture)
        for mnemonic, operands in disassemble(binary.read_bytes(), architecture)
    ]
    assert found == [feature for _, feature in samples]


def disassemble(binary: bytes, architecture: str) -> list[tuple[str, str]]:
    import capstone
    from elftools.elf.elffile import ELFFile

    modes = {
        "aarch64": (capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM),
        "arm": (capstone.CS_ARCH_ARM, capstone.CS_MODE_ARM | capstone.CS_MODE_V8),
        "x86_64": (capstone.CS_ARCH_X86, capstone.CS_MODE_64),
    }
    code = ELFFile(io.BytesIO(binary)).get_section_by_name(".text").data()
    disassembler = capstone.Cs(*modes[architecture])
    return [(i.mnemonic, i.op_str) for i in disassembler.disasm(code, 0)]

"""Detection from the texts of five machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mnv3gen.errors import TargetError
from mnv3gen.targets.detect import chosen_core, describe
from mnv3gen.targets.features import available
from mnv3gen.targets.machine import Caches, read_caches, read_clock
from mnv3gen.targets.reading import from_fields
from mnv3gen.targets.target import Target

TEXTS = Path(__file__).with_name("cpuinfo")


def detected(machine: str, text: str, **known: Any) -> Target:
    fields = describe(machine, (TEXTS / f"{text}.txt").read_text(), Caches(32, 512, 4096), **known)
    return from_fields(fields, "host", "targets/host.toml")


@pytest.mark.parametrize(
    ("text", "cpu", "bits", "registers", "clock"),
    [
        ("zen3", "x86-64-v3", 256, 16, 3400),
        ("xeon_avx512", "x86-64-v4", 512, 32, 2400),
        ("core2", "x86-64", 128, 16, 2394),
    ],
)
def test_x86(text: str, cpu: str, bits: int, registers: int, clock: int) -> None:
    target = detected("x86_64", text)
    assert target.llvm.cpu == cpu
    assert (target.core.vector_bits, target.core.vector_registers) == (bits, registers)
    assert target.core.clock_mhz == clock
    assert target.link.zig_target == "x86_64-linux-musl"
    assert target.emulation is None
    assert target.detect


def test_raspberry_pi_5() -> None:
    target = detected("aarch64", "rpi5", clock_mhz=2400)
    assert (target.llvm.cpu, target.core.clock_mhz) == ("cortex-a76", 2400)
    assert {"neon", "dotprod", "fullfp16", "lse"} <= set(target.llvm.features)
    assert available(target) >= {"dotprod", "fullfp16"}


def test_raspberry_pi_4_has_neither_dot_product_nor_cryptography() -> None:
    target = detected("aarch64", "rpi4", clock_mhz=1500)
    assert target.llvm.cpu == "cortex-a72"
    assert target.llvm.features == ("neon", "-aes", "-sha2", "crc")
    assert available(target) == {"neon", "crc"}


def test_unknown_arm_core_is_generic_with_what_the_kernel_reports() -> None:
    text = (TEXTS / "rpi5.txt").read_text().replace("0xd0b", "0xfff")
    target = from_fields(describe("aarch64", text, Caches()), "host", "host.toml")
    assert target.llvm.cpu == "generic"
    assert "dotprod" in target.llvm.features


def test_large_core_is_the_last_on_arm_and_the_first_on_x86() -> None:
    assert chosen_core("aarch64", (TEXTS / "rpi5.txt").read_text()) == 3
    assert chosen_core("x86_64", (TEXTS / "zen3.txt").read_text()) == 0


def test_other_machines_are_refused() -> None:
    with pytest.raises(TargetError, match="riscv64"):
        describe("riscv64", "", Caches())


def test_caches_and_clock_of_sysfs(tmp_path: Path) -> None:
    levels = [("1", "Data", "64K"), ("1", "Instruction", "128K"), ("2", "Unified", "512K")]
    for number, (level, kind, size) in enumerate([*levels, ("3", "Unified", "2048K")]):
        index = tmp_path / f"index{number}"
        index.mkdir()
        texts = {"level": level, "type": kind, "size": size, "coherency_line_size": "64"}
        for name, text in texts.items():
            (index / name).write_text(f"{text}\n")
    assert read_caches(tmp_path) == Caches(64, 512, 2048, 64)
    assert read_caches(tmp_path / "none") == Caches()
    (tmp_path / "cpuinfo_max_freq").write_text("2400000\n")
    assert read_clock(tmp_path) == 2400
    assert read_clock(tmp_path / "none") is None

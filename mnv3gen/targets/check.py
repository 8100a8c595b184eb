"""Whether a target's fields are possible and agree with each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

from mnv3gen.errors import TargetError, nearest_names
from mnv3gen.targets.cpus import table
from mnv3gen.targets.target import Target

# Registers of each vector width: NEON of Armv7-A counts its sixteen q registers, AVX-512 has 32.
VECTOR_REGISTERS = {
    "x86_64": {128: 16, 256: 16, 512: 32},
    "aarch64": {64: 32, 128: 32},
    "arm": {64: 32, 128: 16},
}
VECTOR_WIDTHS = (64, 128, 256, 512)
CLOCK_MHZ = (100, 6000)
PAGE_SIZES = (4096, 16384, 65536)
TRIPLE_PREFIXES = {
    "x86_64": ("x86_64", "amd64"),
    "aarch64": ("aarch64", "arm64"),
    "arm": ("armv7", "thumbv7", "armv8l"),
}
# Nothing that zig compiles for a bundle has a libc: musl's targets serve Android too.
ZIG_ABIS = {
    ("x86_64", "linux"): ("musl", "gnu"),
    ("aarch64", "linux"): ("musl", "gnu"),
    ("aarch64", "android"): ("musl", "android"),
    ("arm", "linux"): ("musleabihf", "gnueabihf"),
}
UNICORN_CPUS = {
    "x86_64": (),
    "aarch64": ("a53", "a57", "a72", "max"),
    "arm": ("cortex-a7", "cortex-a8", "cortex-a9", "cortex-a15", "max"),
}


def check(target: Target, file: str) -> None:
    """Raise a `TargetError` that names `file` and the first field that cannot be."""
    _check_core(target, file)
    _check_system(target, file)
    _check_triple(target, file)
    _check_features(target, file)
    _check_link(target, file)
    _check_emulation(target, file)


def refuse(
    file: str,
    field: str,
    problem: str,
    *,
    found: object = None,
    expected: str | None = None,
    choices: Iterable[str] = (),
) -> NoReturn:
    """Raise the error of one field; `choices` are the valid values, of which the nearest show."""
    raise TargetError(
        problem,
        place=f"{file}: {field}",
        found=found,
        expected=expected,
        nearest=nearest_names(str(found), choices),
    )


def one_of(values: Iterable[object]) -> str:
    """Write valid values as an error shows them."""
    return "one of " + ", ".join(str(value) for value in values)


def _check_core(target: Target, file: str) -> None:
    core = target.core
    for field in ("vector_registers", "cache_line", "l1d_kib", "l2_kib"):
        value = getattr(core, field)
        if value <= 0:
            refuse(
                file, f"core.{field}", "not a positive number", found=value, expected="1 or more"
            )
    if core.l3_kib < 0:
        refuse(file, "core.l3_kib", "negative", found=core.l3_kib, expected="0 (no L3) or more")
    if not CLOCK_MHZ[0] <= core.clock_mhz <= CLOCK_MHZ[1]:
        expected = f"{CLOCK_MHZ[0]} to {CLOCK_MHZ[1]} (MHz)"
        refuse(file, "core.clock_mhz", "no such clock", found=core.clock_mhz, expected=expected)
    if core.cache_line & (core.cache_line - 1) or not 16 <= core.cache_line <= 256:
        expected = "a power of two from 16 to 256 (bytes)"
        refuse(file, "core.cache_line", "no such line", found=core.cache_line, expected=expected)
    if core.l1d_kib > core.l2_kib:
        expected = f"at most core.l2_kib = {core.l2_kib}"
        refuse(file, "core.l1d_kib", "more than the L2", found=core.l1d_kib, expected=expected)
    _check_vectors(target, file)


def _check_vectors(target: Target, file: str) -> None:
    bits, registers = target.core.vector_bits, target.core.vector_registers
    if bits not in VECTOR_WIDTHS:
        expected = one_of(VECTOR_WIDTHS)
        refuse(file, "core.vector_bits", "no such vector", found=bits, expected=expected)
    widths = VECTOR_REGISTERS[target.architecture]
    if bits not in widths:
        problem = f"{target.architecture} has no such vector"
        refuse(file, "core.vector_bits", problem, found=bits, expected=one_of(widths))
    if registers != widths[bits]:
        problem = f"not the number of {bits}-bit registers of {target.architecture}"
        expected = str(widths[bits])
        refuse(file, "core.vector_registers", problem, found=registers, expected=expected)


def _check_system(target: Target, file: str) -> None:
    systems = [s for a, s in ZIG_ABIS if a == target.architecture]
    if target.link.system not in systems:
        problem = f"not supported on {target.architecture}"
        refuse(file, "link.system", problem, found=target.link.system, expected=one_of(systems))


def _check_triple(target: Target, file: str) -> None:
    triple, architecture = target.llvm.triple, target.architecture
    parts = triple.split("-")
    prefixes = TRIPLE_PREFIXES[architecture]
    if not parts[0].startswith(prefixes):
        problem = f'contradicts architecture = "{architecture}"'
        expected = f"a triple that starts with {' or '.join(prefixes)}"
        refuse(file, "llvm.triple", problem, found=triple, expected=expected)
    if len(parts) < 3 or "linux" not in parts:
        expected = f"{parts[0]}-linux-gnu or the like"
        refuse(file, "llvm.triple", "not a triple of Linux", found=triple, expected=expected)
    if ("android" in parts[-1]) != (target.link.system == "android"):
        problem = f'contradicts link.system = "{target.link.system}"'
        expected = f"{parts[0]}-linux-{'android' if target.link.system == 'android' else 'gnu'}"
        refuse(file, "llvm.triple", problem, found=triple, expected=expected)
    if architecture == "arm" and not parts[-1].endswith("hf"):
        expected = f"{parts[0]}-linux-gnueabihf"
        refuse(
            file, "llvm.triple", "NEON needs the hard-float ABI", found=triple, expected=expected
        )


def _check_features(target: Target, file: str) -> None:
    cpus, architecture, llvm = table(), target.architecture, target.llvm
    names = cpus.names(architecture)
    if llvm.cpu not in names:
        # LLVM would print a warning and compile for its generic CPU.
        expected = "a CPU of mnv3gen/targets/cpus.toml, or generic with its features listed"
        problem = f"no {architecture} CPU that we know"
        refuse(file, "llvm.cpu", problem, found=llvm.cpu, expected=expected, choices=names)
    tracked, allowed = cpus.tracked[architecture], cpus.allowed(architecture, llvm.cpu)
    bare = [feature.removeprefix("-") for feature in llvm.features]
    for feature, listed in zip(bare, llvm.features, strict=True):
        if feature not in tracked:
            problem = f"no feature of {architecture} that we know (write it without a plus sign)"
            expected = one_of(tracked)
            refuse(file, "llvm.features", problem, found=listed, expected=expected, choices=tracked)
        if bare.count(feature) > 1:
            refuse(file, "llvm.features", "listed twice", found=listed, expected="each once")
        if feature == listed and feature not in allowed:
            problem = f"{llvm.cpu} does not have it"
            expected = one_of(name for name in tracked if name in allowed)
            refuse(file, "llvm.features", problem, found=feature, expected=expected)
    if architecture != "x86_64" and "neon" not in llvm.features:
        expected = '"neon": every kernel uses it'
        refuse(file, "llvm.features", "without NEON", found=list(llvm.features), expected=expected)


def _check_link(target: Target, file: str) -> None:
    zig, architecture = target.link.zig_target, target.architecture
    abis = ZIG_ABIS[architecture, target.link.system]
    valid = [f"{architecture}-linux-{abi}" for abi in abis]
    # Zig takes a glibc version after a dot: aarch64-linux-gnu.2.28.
    if zig.split(".")[0] not in valid:
        problem = f"contradicts {architecture} on {target.link.system}"
        refuse(file, "link.zig_target", problem, found=zig, expected=one_of(valid), choices=valid)
    if target.link.page_size not in PAGE_SIZES:
        expected = one_of(PAGE_SIZES)
        found = target.link.page_size
        refuse(file, "link.page_size", "no such page", found=found, expected=expected)


def _check_emulation(target: Target, file: str) -> None:
    valid = UNICORN_CPUS[target.architecture]
    if target.emulation is None:
        if valid:
            problem = f"missing: {target.architecture} is checked by emulation"
            refuse(file, "emulation", problem, expected="a table with unicorn and qemu")
        return
    if not valid:
        refuse(file, "emulation", "x86_64 runs as it is", expected="no such table")
    found = target.emulation.unicorn
    if found not in valid:
        problem = f"no {target.architecture} model of unicorn"
        expected = one_of(valid)
        refuse(file, "emulation.unicorn", problem, found=found, expected=expected, choices=valid)

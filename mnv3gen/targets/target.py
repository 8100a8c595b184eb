"""What the compiler knows of a device: one frozen `Target`, read from a file of `targets/`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Architecture = Literal["x86_64", "aarch64", "arm"]
System = Literal["linux", "android"]
Products = Literal["vpdpbusd", "pmaddwd", "sdot", "smlal", "plain"]


class Llvm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How LLVM generates code, in LLVM's names.

    `features` has no plus signs. One with a minus sign (`-dotprod`) takes away what LLVM believes
    the CPU to have and the device lacks.
    """

    triple: str
    cpu: str
    features: tuple[str, ...] = ()


class Core(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The core that runs the network: one large core where a device has several kinds.

    `vector_bits` is the width of one vector register and `cache_line` is in bytes. `l2_kib` and
    `l3_kib` are what one core can use; 0 stands for a level that is not there. `products` is the
    instruction that int8 is multiplied by; it follows from the target's features.
    """

    name: str
    vector_bits: int
    vector_registers: int
    clock_mhz: int
    cache_line: int
    l1d_kib: int
    l2_kib: int
    l3_kib: int = 0
    products: Products = "plain"


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the kernels become a library and an executable.

    `zig_target` compiles the C driver and the static benchmark; `page_size` (bytes) is the
    `max-page-size` of both.
    """

    zig_target: str
    system: System
    page_size: int


class Emulation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The CPU models nearest to the core. Values come from them, never times.

    `unicorn` is a name of unicorn's `UC_CPU_ARM64_*` or `UC_CPU_ARM_*` in lower case and with
    hyphens; `qemu` is what `qemu-aarch64 -cpu` or `qemu-arm -cpu` takes.
    """

    unicorn: str
    qemu: str


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One complete description of a device.

    `name` is the stem of the file and `sources` holds the titles of the documents that the figures
    come from. `detect` tells that the figures were read from this machine.
    """

    name: str
    description: str
    architecture: Architecture
    llvm: Llvm
    core: Core
    link: Link
    emulation: Emulation | None = None
    detect: bool = False
    sources: tuple[str, ...] = ()

    def tvm_dict(self) -> dict[str, Any]:
        """Return what `tvm.target.Target` takes.

        `num-cores` is always there because MetaSchedule fails without it, and armv7 says its
        hard-float ABI so that nothing rests on the triple's ending. For most 32-bit cores LLVM
        orders instructions by an older scheduler, which spills: 37 % more of them over V3-Small.
        """
        description: dict[str, Any] = {
            "kind": "llvm",
            "mtriple": self.llvm.triple,
            "mcpu": self.llvm.cpu,
            "mattr": [f if f.startswith("-") else f"+{f}" for f in self.llvm.features],
            "num-cores": 1,
        }
        if self.architecture == "arm":
            description["mfloat-abi"] = "hard"
            description["mattr"].append("+use-misched")
        return description

    def to_manifest(self) -> dict[str, Any]:
        """Return a plain dictionary of numbers, strings and lists for `from_manifest`."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

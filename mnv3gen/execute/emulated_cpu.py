"""The processors that unicorn emulates, and how a C function is called on each.

What their models execute beyond the base, tried on unicorn 2.1.4: ``a53``, ``a57`` and ``a72`` have
crc alone; ``max`` of aarch64 adds dotprod, fullfp16, fp16fml, rdm, lse and complxnum, but none has
i8mm, bf16 or sve. ``cortex-a8`` and ``cortex-a9`` have NEON without fused multiply-add,
``cortex-a7`` and ``cortex-a15`` have vfp4 and hardware division; ``max`` of arm adds the Armv8
instructions, dotprod and rdm, but not fullfp16. Code for x86_64 is not emulated, as unicorn
executes no AVX.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unicorn import UC_ARCH_ARM, UC_ARCH_ARM64, UC_MODE_ARM, Uc, arm64_const, arm_const

from mnv3gen.errors import InputError, nearest_names
from mnv3gen.execute.entry import Machine

_FULL_ACCESS = 0b11
_THUMB = 1 << 5


@dataclass(frozen=True)
class Cpu:
    """One architecture: its models by name, and the registers of the procedure call standard."""

    architecture: int
    models: dict[str, int]
    arguments: tuple[int, int, int]
    result: int
    stack: int
    link: int
    counter: int
    enable_vectors: Callable[[Uc], None]

    def call(self, uc: Uc, arguments: tuple[int, int, int], stack: int, link: int) -> None:
        """Set the registers as a caller would: arguments, top of the stack, return address."""
        for register, value in zip(self.arguments, arguments, strict=True):
            uc.reg_write(register, value)
        uc.reg_write(self.stack, stack)
        uc.reg_write(self.link, link)

    def position(self, uc: Uc) -> int:
        """The address of the next instruction; odd within Thumb code."""
        thumb = self.architecture == UC_ARCH_ARM and uc.reg_read(arm_const.UC_ARM_REG_CPSR) & _THUMB
        return int(uc.reg_read(self.counter)) | bool(thumb)

    def code(self, uc: Uc) -> int:
        """The ``int32_t`` that the function returned."""
        unsigned = uc.reg_read(self.result) & 0xFFFFFFFF
        return int(unsigned - (1 << 32) if unsigned >> 31 else unsigned)


def _enable_aarch64(uc: Uc) -> None:
    uc.reg_write(arm64_const.UC_ARM64_REG_CPACR_EL1, _FULL_ACCESS << 20)


def _enable_arm(uc: Uc) -> None:
    # CPACR: coprocessors 10 and 11. FPEXC: bit 30 (EN).
    uc.reg_write(arm_const.UC_ARM_REG_C1_C0_2, _FULL_ACCESS << 20 | _FULL_ACCESS << 22)
    uc.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)


CPUS = {
    "aarch64": Cpu(
        architecture=UC_ARCH_ARM64,
        models={
            "a53": arm64_const.UC_CPU_ARM64_A53,
            "a57": arm64_const.UC_CPU_ARM64_A57,
            "a72": arm64_const.UC_CPU_ARM64_A72,
            "max": arm64_const.UC_CPU_ARM64_MAX,
        },
        arguments=(
            arm64_const.UC_ARM64_REG_X0,
            arm64_const.UC_ARM64_REG_X1,
            arm64_const.UC_ARM64_REG_X2,
        ),
        result=arm64_const.UC_ARM64_REG_W0,
        stack=arm64_const.UC_ARM64_REG_SP,
        link=arm64_const.UC_ARM64_REG_LR,
        counter=arm64_const.UC_ARM64_REG_PC,
        enable_vectors=_enable_aarch64,
    ),
    "arm": Cpu(
        architecture=UC_ARCH_ARM,
        models={
            "cortex-a7": arm_const.UC_CPU_ARM_CORTEX_A7,
            "cortex-a8": arm_const.UC_CPU_ARM_CORTEX_A8,
            "cortex-a9": arm_const.UC_CPU_ARM_CORTEX_A9,
            "cortex-a15": arm_const.UC_CPU_ARM_CORTEX_A15,
            "max": arm_const.UC_CPU_ARM_MAX,
        },
        arguments=(
            arm_const.UC_ARM_REG_R0,
            arm_const.UC_ARM_REG_R1,
            arm_const.UC_ARM_REG_R2,
        ),
        result=arm_const.UC_ARM_REG_R0,
        stack=arm_const.UC_ARM_REG_SP,
        link=arm_const.UC_ARM_REG_LR,
        counter=arm_const.UC_ARM_REG_PC,
        enable_vectors=_enable_arm,
    ),
}


def find_cpu(machine: Machine) -> tuple[Cpu, int]:
    """The emulated processor and model for a machine; ``InputError`` if unicorn has none."""
    cpu = CPUS.get(machine.architecture)
    if cpu is None or machine.unicorn is None:
        raise InputError(
            "unicorn does not emulate this machine",
            found=f"{machine.architecture}, model {machine.unicorn}",
            expected=f"a model of {' or '.join(CPUS)}",
        )
    if machine.unicorn not in cpu.models:
        raise InputError(
            "unicorn has no such CPU model",
            found=machine.unicorn,
            expected=f"one of {', '.join(cpu.models)}",
            nearest=nearest_names(machine.unicorn, cpu.models),
        )
    return cpu, cpu.models[machine.unicorn]


def start_cpu(cpu: Cpu, model: int) -> Uc:
    """A processor of the model with its vector unit enabled and no memory."""
    uc = Uc(cpu.architecture, UC_MODE_ARM)
    uc.ctl_set_cpu_model(model)
    cpu.enable_vectors(uc)
    return uc

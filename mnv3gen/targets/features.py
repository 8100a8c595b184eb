"""Which optional feature an instruction needs, and whether a target has it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import msgspec

from mnv3gen.targets.cpus import table
from mnv3gen.targets.target import Products, Target

RULES = Path(__file__).with_name("instructions.toml")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of `instructions.toml`; both patterns are regular expressions."""

    feature: str
    mnemonic: str
    operands: str | None = None

    def fits(self, mnemonic: str, operands: str) -> bool:
        """Whether the whole mnemonic matches and the operands contain the pattern."""
        if not re.fullmatch(self.mnemonic, mnemonic):
            return False
        return self.operands is None or re.search(self.operands, operands) is not None


def feature_of(mnemonic: str, operands: str, architecture: str = "aarch64") -> str | None:
    """Return LLVM's name of the feature that an instruction needs, None for the base.

    `mnemonic` and `operands` are spelled as capstone's `mnemonic` and `op_str`. The base is
    Armv8.0-A with NEON, Armv7-A with NEON and VFPv3, or x86-64 with SSE2.
    """
    mnemonic, operands = mnemonic.lower(), operands.lower()
    fitting = (rule for rule in _rules()[architecture] if rule.fits(mnemonic, operands))
    return next((rule.feature for rule in fitting), None)


def available(target: Target) -> frozenset[str]:
    """Return the features that code may use: those of the CPU, plus and minus the listed."""
    row = table().find(target.architecture, target.llvm.cpu)
    implied = row.features if row else frozenset()
    listed = target.llvm.features
    dropped = {feature[1:] for feature in listed if feature.startswith("-")}
    return (implied | {f for f in listed if not f.startswith("-")}) - dropped


def products_of(target: Target) -> Products:
    """The instruction that int8 is multiplied by on a target."""
    present = available(target)
    if target.architecture == "x86_64":
        if {"avx512vnni", "avx512vl"} <= present:
            return "vpdpbusd"
        return "pmaddwd" if target.core.vector_bits >= 256 and "avx2" in present else "plain"
    if "dotprod" in present:
        return "sdot" if target.architecture == "aarch64" else "smlal"
    return "smlal"


def lacks(target: Target, mnemonic: str, operands: str) -> str | None:
    """Return the feature that an instruction needs and the target lacks, else None."""
    feature = feature_of(mnemonic, operands, target.architecture)
    return None if feature is None or feature in available(target) else feature


def forbidden_mnemonics(target: Target) -> dict[str, str]:
    """Return the mnemonics that a target cannot execute, each with the feature it needs.

    Only those that are told by the name alone; `lacks` looks at the operands as well.
    """
    present = available(target)
    return {
        mnemonic: rule.feature
        for rule in _rules()[target.architecture]
        if rule.operands is None and rule.feature not in present
        if re.fullmatch(r"[a-z0-9|]+", rule.mnemonic)
        for mnemonic in rule.mnemonic.split("|")
    }


@lru_cache(maxsize=1)
def _rules() -> dict[str, tuple[Rule, ...]]:
    return msgspec.toml.decode(RULES.read_bytes(), type=dict[str, tuple[Rule, ...]])

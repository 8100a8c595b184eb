"""Devices to compile for: `Target`, read from `targets/*.toml` and checked where it enters."""

from mnv3gen.targets.features import available, feature_of, forbidden_mnemonics, lacks
from mnv3gen.targets.reading import from_manifest
from mnv3gen.targets.registry import DEFAULT, all_targets, load, load_file, names
from mnv3gen.targets.target import Core, Emulation, Link, Llvm, Target

__all__ = [
    "DEFAULT",
    "Core",
    "Emulation",
    "Link",
    "Llvm",
    "Target",
    "all_targets",
    "available",
    "feature_of",
    "forbidden_mnemonics",
    "from_manifest",
    "lacks",
    "load",
    "load_file",
    "names",
]

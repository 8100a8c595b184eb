"""The type that weights lie in memory as: whether a target can read it, and which calls have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mnv3gen.compile.calls import Call
from mnv3gen.compile.plan import Plan
from mnv3gen.errors import InputError
from mnv3gen.lower.storage import STORAGES, WeightStorage, is_half
from mnv3gen.targets import Target, available

# What converts float16 to float32; every Armv8-A core does, and without it there is a library call.
CONVERSION = {"x86_64": "f16c", "arm": "fp16"}


@dataclass(frozen=True)
class Stored:
    """Calls with float16 weights, and those that no generator can compute from such."""

    float16: int
    refused: int


def check_storage(storage: WeightStorage, target: Target) -> None:
    """Raise InputError if a target has no instruction that converts float16."""
    feature = CONVERSION.get(target.architecture)
    if storage == "float32" or feature is None or feature in available(target):
        return
    raise InputError(
        f"{target.name} cannot convert float16 weights",
        place="--weight-storage",
        found=f"{storage} for {target.name}, whose CPU ({target.llvm.cpu}) lacks {feature}",
        expected=f"float32; {' and '.join(STORAGES[1:])} need a target with {feature}",
    )


def type_of(storage: WeightStorage) -> Callable[[Call], str]:
    """The type that each call's weights should lie in memory as."""

    def chosen(call: Call) -> str:
        kernel = call.kernel
        if kernel.kind not in ("conv", "dwconv"):
            return "float32"
        half = is_half(storage, kernel.kind == "dwconv", kernel.output)
        return "float16" if half else "float32"

    return chosen


def count_stored(plan: Plan, storage: WeightStorage) -> Stored:
    """How the calls of a plan that should have float16 weights have them."""
    wanted = type_of(storage)
    types = [
        step.group.storage
        for step in plan.steps
        for call in step.calls
        if wanted(call) == "float16"
    ]
    return Stored(types.count("float16"), types.count("float32"))

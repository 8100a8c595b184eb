"""`Code`: one kernel of a plan as it is compiled to be timed by itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from mnv3gen.compile.cache import tool_versions
from mnv3gen.compile.calls import bytes_of
from mnv3gen.compile.plan import Step
from mnv3gen.compile.prefetch import LINE, SHARE_OF_CACHE, capacity
from mnv3gen.compile.schedules import generators
from mnv3gen.generate.builder import CACHE_LINE, Memory
from mnv3gen.generate.group import Frame, Group, Parameters
from mnv3gen.targets import Core, Target

Role: TypeAlias = Literal["input", "weights", "ahead", "output", "scratch"]
MOST_PARTS = 12  # as in templates/kernels.c


@dataclass(frozen=True)
class Code:
    """All that a generated kernel's code is made from; plain data, to be sent to other processes.

    `generated` is False for TVM's own functions, which are not timed by themselves.
    """

    group: Group
    schedule: str
    version: int
    parameters: Parameters
    ahead: int
    generated: bool = True

    def key(self, target: Target) -> str:
        """A hash of it and of the target; the code itself is not needed."""
        parts: list[Any] = [
            self.group.name,
            self.schedule,
            self.version,
            sorted(self.parameters.items()),
            self.ahead,
            target_parts(target),
            tool_versions()["apache-tvm"],
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def code_of(step: Step, core: Core) -> Code:
    """The code of a step; it prefetches all that it has time for, a network may ask for less."""
    window = int(max(core.l2_kib, core.l3_kib) * 1024 * SHARE_OF_CACHE)
    return Code(
        group=step.group,
        schedule=step.schedule.name,
        version=step.schedule.version,
        parameters=dict(step.choice.parameters),
        ahead=min(capacity(step, core), window // LINE),
        generated=step.schedule.generates,
    )


def target_parts(target: Target) -> Any:
    """What code depends on of a target: all but its clock, which drifts."""
    parts = target.to_manifest()
    parts["core"] = {key: value for key, value in parts["core"].items() if key != "clock_mhz"}
    return json.loads(json.dumps(parts, sort_keys=True))


@dataclass(frozen=True)
class Part:
    """One pointer that a kernel takes; `bytes` is how much of what it points to is used."""

    role: Role
    bytes: int


@dataclass(frozen=True)
class Built:
    """A lowered function and its pointers, in order."""

    function: Any
    parts: tuple[Part, ...]


def build_code(code: Code, core: Core, symbol: str, tvm_target: Any) -> Built:
    """Have the kernel's generator write it."""
    schedule = next(it for it in generators() if it.name == code.schedule)
    written = schedule.generate(code.group, core, code.parameters, code.ahead)
    function = written.builder.function(symbol, tvm_target)
    return Built(function, tuple(_parts(code, written.frame)))


def _parts(code: Code, frame: Frame) -> Iterator[Part]:
    for shape in code.group.inputs:
        yield Part("input", bytes_of(shape))
    for weights in frame.weights:
        yield Part("weights", _bytes(weights))
    if frame.ahead is not None:
        yield Part("ahead", code.ahead * CACHE_LINE)
    for number in code.group.writes:
        yield Part("output", bytes_of(code.group.kernels[number].output))
    if frame.scratch is not None:
        yield Part("scratch", frame.scratch_bytes)


def _bytes(memory: Memory) -> int:
    size = memory.item_bytes
    for side in memory.buffer.ty.shape:
        size *= int(side)
    return size

"""`Program`: the calls that compute a network, in order, with where each argument lies.

A call's arguments say where they lie: in the caller's input or output, in the weights, or in the
arena. The program knows sizes and order; where in the arena a tensor lies is the memory plan's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.calls import INPUT, Calls, bytes_of
from mnv3gen.compile.plan import Plan
from mnv3gen.compile.plan import Step as Planned
from mnv3gen.generate.group import Generated
from mnv3gen.graph.liveness import Interval
from mnv3gen.targets import Core

if TYPE_CHECKING:
    from tvm import tirx

AHEAD = "ahead"  # marks an argument whose offset counts bytes of unpacked weights
ALIGNMENT = 64  # bytes; a cache line, and enough for every vector
Place: TypeAlias = Literal["input", "output", "weights", "arena"]


@dataclass(frozen=True)
class Argument:
    """One pointer given to a kernel: `offset` is in bytes, for the arena filled in by the plan."""

    place: Place
    tensor: str
    offset: int = 0


@dataclass(frozen=True)
class Step:
    """One kernel call; `tensor` is the name of what it makes."""

    kernel: str
    tensor: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Output:
    """One output of the network inside of the output buffer; `shape` has the batch axis."""

    shape: tuple[int, ...]
    offset: int
    bytes: int


@dataclass(frozen=True)
class Program:
    """Steps in order, what lies in the arena and for how long, and the weights as bytes."""

    steps: tuple[Step, ...]
    intervals: tuple[Interval, ...]
    weights: bytes
    input_shape: tuple[int, int, int, int]
    input_bytes: int
    outputs: tuple[Output, ...]

    @property
    def output_bytes(self) -> int:
        """The size of the output buffer."""
        return self.outputs[-1].offset + self.outputs[-1].bytes


def aligned(size: int) -> int:
    """The next multiple of `ALIGNMENT`."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def write_program(
    plan: Plan,
    calls: Calls,
    generated: Mapping[str, Generated],
    fallbacks: Mapping[str, tirx.PrimFunc],
    core: Core,
) -> Program:
    """The program of a plan.

    `generated` has the written kernels by the groups' names, `fallbacks` TVM's functions of the
    others, with their temporaries as parameters after the output.
    """
    return _Writer(plan, calls, generated, fallbacks, core).program()


class _Writer:
    """Collects steps, weights and lifetimes while it goes through the plan."""

    def __init__(
        self,
        plan: Plan,
        calls: Calls,
        generated: Mapping[str, Generated],
        fallbacks: Mapping[str, tirx.PrimFunc],
        core: Core,
    ) -> None:
        self.plan, self.calls, self.core = plan, calls, core
        self.generated, self.fallbacks = generated, fallbacks
        self.weights = bytearray()
        self.weight_offsets: dict[bytes, int] = {}
        self.lives: dict[str, list[int]] = {}  # bytes, first step, last step
        self.kernels = {call.tensor: call.kernel for call in calls.calls}  # that make the tensors
        self.arguments: dict[str, Argument] = {INPUT: Argument("input", INPUT)}
        self.outputs = self._outputs()
        self.bytes_before = 0  # of unpacked weights, up to a step
        self.starts: list[tuple[int, int]] = []  # of each step's weights: unpacked, packed

    def program(self) -> Program:
        steps = [self._step(index, step) for index, step in enumerate(self.plan.steps)]
        return Program(
            steps=tuple(self._resolved(step) for step in steps),
            intervals=tuple(Interval(name, *life) for name, life in self.lives.items()),
            weights=bytes(self.weights),
            input_shape=(1, *self.calls.input_shape),
            input_bytes=bytes_of(self.calls.input_shape),
            outputs=self.outputs,
        )

    def _outputs(self) -> tuple[Output, ...]:
        """Place the outputs one after the other in the caller's buffer."""
        outputs, offset = [], 0
        for tensor in self.calls.outputs:
            size = self._size(tensor)
            self.arguments[tensor] = Argument("output", tensor, offset)
            outputs.append(Output((1, *self.kernels[tensor].output), offset, size))
            offset += aligned(size)
        return tuple(outputs)

    def _step(self, index: int, step: Planned) -> Step:
        name = step.group.name
        self.starts.append((self.bytes_before, len(self.weights)))
        self.bytes_before += step.weight_bytes
        arguments = (
            self._generated(index, step, self.generated[name])
            if name in self.generated
            else self._fallback(index, step, self.fallbacks[name])
        )
        return Step(name, step.tensors[-1], tuple(arguments))

    def _generated(self, index: int, step: Planned, kernel: Generated) -> Iterator[Argument]:
        """Inputs, packed weights, what to prefetch, outputs, scratch memory."""
        for tensor in step.inputs:
            yield self._read(index, tensor)
        if kernel.frame.weights:
            constants = [call.constants for call in step.calls]
            parameters = step.choice.parameters
            for array in step.schedule.pack(step.group, self.core, parameters, constants):
                yield Argument("weights", "", self._weight(array))
        if kernel.frame.ahead is not None:
            yield Argument("weights", AHEAD, step.ahead_from)
        for tensor in step.tensors:
            yield self._written(index, tensor)
        if kernel.frame.scratch is not None:
            size = kernel.frame.scratch_bytes
            yield self._allocated(index, f"{step.tensors[-1]}.scratch", size)

    def _fallback(self, index: int, step: Planned, function: tirx.PrimFunc) -> Iterator[Argument]:
        """The call's arguments as they are, the output, temporaries."""
        (call,) = step.calls
        for argument in call.arguments:
            if isinstance(argument, str):
                yield self._read(index, argument)
            else:
                yield Argument("weights", "", self._weight(argument))
        yield self._written(index, call.tensor)
        for number, temporary in enumerate(function.params[len(call.arguments) + 1 :]):
            yield self._allocated(index, f"{call.tensor}.{number}", _bytes(temporary))

    def _resolved(self, step: Step) -> Step:
        """Turn positions in the unpacked weights into those in the packed ones."""
        return replace(step, arguments=tuple(self._packed(it) for it in step.arguments))

    def _packed(self, argument: Argument) -> Argument:
        if argument.tensor != AHEAD:
            return argument
        before, packed = max(start for start in self.starts if start[0] <= argument.offset)
        offset = min(packed + argument.offset - before, len(self.weights) - 1)
        return Argument("weights", "", aligned(offset + 1) - ALIGNMENT)

    def _read(self, index: int, tensor: str) -> Argument:
        if tensor in self.lives:
            self.lives[tensor][2] = index
        return self.arguments[tensor]

    def _written(self, index: int, tensor: str) -> Argument:
        if tensor not in self.arguments:
            self.arguments[tensor] = self._allocated(index, tensor, self._size(tensor))
        return self.arguments[tensor]

    def _size(self, tensor: str) -> int:
        kernel = self.kernels[tensor]
        return bytes_of(kernel.output, kernel.written_dtype)

    def _allocated(self, index: int, name: str, size: int) -> Argument:
        self.lives[name] = [size, index, index]
        return Argument("arena", name)

    def _weight(self, value: npt.NDArray[Any]) -> int:
        content = np.ascontiguousarray(value).tobytes()
        if content not in self.weight_offsets:
            self.weight_offsets[content] = len(self.weights)
            self.weights += content + bytes(aligned(len(content)) - len(content))
        return self.weight_offsets[content]


def _bytes(value: Any) -> int:
    return bytes_of(tuple(int(side) for side in value.ty.shape), str(value.ty.dtype))

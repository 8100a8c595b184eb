"""`Program`: the calls that compute a network, in order, read from the fused Relax module.

A call's arguments say where they lie: in the caller's input or output, in the weights, or in the
arena. The program knows sizes and order; where in the arena a tensor lies is the memory plan's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.liveness import Interval

if TYPE_CHECKING:
    from tvm import relax, tirx

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


def read_program(main: relax.Function, kernels: Mapping[str, tirx.PrimFunc]) -> Program:
    """The program of a Relax function that is a list of kernel calls.

    `kernels` has the PrimFuncs by name, with their temporaries as parameters after the output.
    """
    return _Reader(main, kernels).program()


class _Reader:
    """Collects steps, weights and lifetimes while it goes through `main`.

    Tensors are named t0, t1, ... by the step that makes them: the names of Relax variables are not
    unique after fusion.
    """

    def __init__(self, main: relax.Function, kernels: Mapping[str, tirx.PrimFunc]) -> None:
        self.main = main
        self.kernels = kernels
        self.weights = bytearray()
        self.weight_offsets: dict[bytes, int] = {}
        self.lives: dict[str, list[int]] = {}  # bytes, first step, last step
        self.outputs: dict[Any, Output] = {}
        self.arguments: dict[Any, Argument] = {}  # by variable

    def program(self) -> Program:
        from tvm import relax

        (data,) = self.main.params
        self.arguments[data] = Argument("input", "input")
        bindings = [binding for block in self.main.body.blocks for binding in block.bindings]
        self._find_outputs(bindings)
        calls = [binding for binding in bindings if isinstance(binding.value, relax.Call)]
        steps = tuple(self._step(index, call) for index, call in enumerate(calls))
        return Program(
            steps=steps,
            intervals=tuple(Interval(name, *life) for name, life in self.lives.items()),
            weights=bytes(self.weights),
            input_shape=(1, *_image_shape(data)),
            input_bytes=_bytes(data),
            outputs=tuple(self.outputs.values()),
        )

    def _find_outputs(self, bindings: list[Any]) -> None:
        """Follow the returned variable, or tuple of variables, to the calls that make it."""
        from tvm import relax

        values = {binding.var: binding.value for binding in bindings}

        def origin(variable: Any) -> Any:
            value = values[variable]
            return variable if isinstance(value, relax.Call) else origin(value)

        returned = self.main.body.body
        while isinstance(values.get(returned), relax.Var):
            returned = values[returned]
        bound = values[returned]
        offset = 0
        for variable in map(origin, bound.fields if isinstance(bound, relax.Tuple) else [returned]):
            self.outputs[variable] = Output(_shape(variable), offset, _bytes(variable))
            offset += aligned(_bytes(variable))

    def _step(self, index: int, binding: Any) -> Step:
        call = binding.value
        if call.op.name != "relax.call_tir":
            raise ValueError(f"main calls {call.op.name}, expected only kernels")
        kernel, name = str(call.args[0].name_hint), f"t{index}"
        arguments = [self._read(index, value) for value in call.args[1].fields]
        if binding.var in self.outputs:
            written = Argument("output", name, self.outputs[binding.var].offset)
        else:
            written = self._allocated(index, name, _bytes(binding.var))
        self.arguments[binding.var] = written
        arguments.append(written)
        for number, temporary in enumerate(self.kernels[kernel].params[len(arguments) :]):
            arguments.append(self._allocated(index, f"{name}.{number}", _bytes(temporary)))
        return Step(kernel, name, tuple(arguments))

    def _read(self, index: int, value: Any) -> Argument:
        from tvm import relax

        if not isinstance(value, relax.Var):
            return Argument("weights", "", self._weight(value.value.numpy()))
        argument = self.arguments[value]
        if argument.place == "arena":
            self.lives[argument.tensor][2] = index
        return argument

    def _allocated(self, index: int, name: str, size: int) -> Argument:
        self.lives[name] = [size, index, index]
        return Argument("arena", name)

    def _weight(self, value: npt.NDArray[Any]) -> int:
        content = np.ascontiguousarray(value).tobytes()
        if content not in self.weight_offsets:
            self.weight_offsets[content] = len(self.weights)
            self.weights += content + bytes(aligned(len(content)) - len(content))
        return self.weight_offsets[content]


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(int(side) for side in value.ty.shape)


def _image_shape(value: Any) -> tuple[int, int, int]:
    _, height, width, channels = _shape(value)
    return height, width, channels


def _bytes(value: Any) -> int:
    return int(np.prod(_shape(value))) * np.dtype(str(value.ty.dtype)).itemsize

"""`Group`: kernels that one generated function computes, and what a generator returns for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.builder import Builder, Memory
from mnv3gen.targets import Core

Parameters: TypeAlias = Mapping[str, int]
Space: TypeAlias = Mapping[str, tuple[int, ...]]  # every combination of the values is valid

FLOAT_BITS = 32


@dataclass(frozen=True)
class Group:
    """Kernels in order, each reading tensors from outside of the group or from those before it.

    `reads` has a tuple a kernel: a number from 0 is the kernel that makes the tensor, -1, -2, ...
    are the group's first, second, ... input. `writes` are the kernels whose tensors are needed
    outside. `storage` is the type that the weights lie in memory as.
    """

    kernels: tuple[Kernel, ...]
    reads: tuple[tuple[int, ...], ...]
    writes: tuple[int, ...]
    storage: str = "float32"

    @property
    def name(self) -> str:
        """The kernels' names; the key of tuning logs, and the symbol of the function."""
        parts = [kernel.name for kernel in self.kernels]
        if not self._is_chain:  # who reads what: inputs are letters, the group's own are numbers
            reads = "_".join("".join(map(_source, reads)) for reads in self.reads)
            parts.append(f"reads_{reads}_to_{''.join(map(str, self.writes))}")
        return "__".join(parts) + ("" if self.storage == "float32" else "_w16")

    @property
    def _is_chain(self) -> bool:
        """Whether each kernel reads the one before it and new inputs, and the last is written."""
        inputs = 0
        for index, reads in enumerate(self.reads):
            for place, read in enumerate(reads):
                expected = index - 1 if index and not place else -1 - inputs
                inputs += expected < 0
                if read != expected:
                    return False
        return self.writes == (len(self.kernels) - 1,)

    @property
    def item_bytes(self) -> int:
        """The size of one stored weight."""
        return np.dtype(self.storage).itemsize

    @property
    def inputs(self) -> tuple[tuple[int, ...], ...]:
        """The shape (h, w, c) of every input; the same tensor read twice is one input."""
        shapes: dict[int, tuple[int, ...]] = {}
        for kernel, reads in zip(self.kernels, self.reads, strict=True):
            for read, shape in zip(reads, kernel.reads, strict=True):
                if read < 0:
                    shapes[read] = shape
        return tuple(shapes[-1 - number] for number in range(len(shapes)))

    @property
    def input_dtypes(self) -> tuple[str, ...]:
        """The element type of every input."""
        dtypes: dict[int, str] = {}
        for kernel, reads in zip(self.kernels, self.reads, strict=True):
            for read in reads:
                if read < 0:
                    dtypes[read] = kernel.read_dtype
        return tuple(dtypes[-1 - number] for number in range(len(dtypes)))

    @property
    def madds(self) -> int:
        """Multiply-adds of all kernels."""
        return sum(kernel.madds for kernel in self.kernels)


@dataclass(frozen=True)
class Frame:
    """The pointers of a generated function, in the order in which it takes them.

    `ahead` points to the weights that are to be prefetched meanwhile, `scratch` to memory of the
    arena that only this call uses, `scratch_bytes` of it.
    """

    inputs: tuple[Memory, ...]
    weights: tuple[Memory, ...]
    ahead: Memory | None
    outputs: tuple[Memory, ...]
    scratch: Memory | None
    scratch_bytes: int


@dataclass(frozen=True)
class Generated:
    """A written kernel and its pointers."""

    builder: Builder
    frame: Frame


def frame(
    builder: Builder,
    group: Group,
    weights: tuple[tuple[int, str], ...] = (),
    ahead: bool = False,
    scratch: int = 0,
    scratch_dtype: str = "float32",
) -> Frame:
    """Declare a function's parameters; `weights` has elements and type of each packed array.

    `scratch` counts elements of its type.
    """
    inputs = tuple(
        builder.parameter(f"input{number}", _elements(shape), dtype)
        for number, (shape, dtype) in enumerate(zip(group.inputs, group.input_dtypes, strict=True))
    )
    packed = tuple(
        builder.parameter(f"weights{number}", size, dtype)
        for number, (size, dtype) in enumerate(weights)
    )
    prefetched = builder.parameter("ahead", 1) if ahead else None
    outputs = tuple(
        builder.parameter(f"output{number}", _elements(kernel.output), kernel.written_dtype)
        for number, kernel in enumerate(group.kernels[index] for index in group.writes)
    )
    rest = builder.parameter("scratch", scratch, scratch_dtype) if scratch else None
    size = scratch * np.dtype(scratch_dtype).itemsize
    return Frame(inputs, packed, prefetched, outputs, rest, size)


def within(space: Space, parameters: Parameters) -> bool:
    """Whether each of a space's parameters has one of its values, and there are no others."""
    return parameters.keys() == space.keys() and all(
        parameters[name] in values for name, values in space.items()
    )


def is_one_point(space: Space) -> bool:
    """Whether there is nothing to choose, and so nothing to tune."""
    return all(len(values) == 1 for values in space.values())


def lanes_of(core: Core) -> int:
    """How many float32 one vector register holds."""
    return core.vector_bits // FLOAT_BITS


def _source(read: int) -> str:
    return str(read) if read >= 0 else chr(ord("a") - 1 - read)


def _elements(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size

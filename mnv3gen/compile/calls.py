"""The kernel calls of a network, read from the fused Relax module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel

if TYPE_CHECKING:
    import tvm

INPUT = "input"


@dataclass(frozen=True)
class Call:
    """One call: `arguments` has the names of tensors and the values of constants, in order.

    `tensor` is the name of what it makes: t0, t1, ... by position, since the names of Relax
    variables are not unique after fusion.
    """

    kernel: Kernel
    arguments: tuple[str | npt.NDArray[Any], ...]
    tensor: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The tensors that it reads; one that is read twice is one argument, but two reads."""
        tensors = tuple(argument for argument in self.arguments if isinstance(argument, str))
        return tensors + tensors[:1] * (len(self.kernel.reads) - len(tensors))

    @property
    def constants(self) -> list[npt.NDArray[Any]]:
        """The weights, in Relax's layouts (HWIO, HWOI) and the bias."""
        return [argument for argument in self.arguments if not isinstance(argument, str)]


@dataclass(frozen=True)
class Calls:
    """All calls in order, the input's shape (h, w, c), and the tensors that are the outputs."""

    calls: tuple[Call, ...]
    input_shape: tuple[int, int, int]
    outputs: tuple[str, ...]


def read_calls(module: tvm.IRModule, kernels: dict[str, Kernel]) -> Calls:
    """The calls of `main`, a list of calls of the functions that `kernels` describes."""
    from tvm import relax

    main = module["main"]
    (data,) = main.params
    names: dict[Any, Any] = {data: INPUT}  # variable to tensor, or to a tuple of tensors
    calls: list[Call] = []
    for binding in (binding for block in main.body.blocks for binding in block.bindings):
        value = binding.value
        if isinstance(value, relax.Call):
            arguments = tuple(
                names[argument] if isinstance(argument, relax.Var) else argument.value.numpy()
                for argument in _flattened(value.args)
            )
            names[binding.var] = f"t{len(calls)}"
            calls.append(Call(kernels[str(value.op.name_hint)], arguments, names[binding.var]))
        elif isinstance(value, relax.Tuple):
            names[binding.var] = tuple(names[field] for field in value.fields)
        else:
            names[binding.var] = names[value]
    returned = names[main.body.body]
    outputs = returned if isinstance(returned, tuple) else (returned,)
    _, height, width, channels = (int(side) for side in data.ty.shape)
    return Calls(tuple(calls), (height, width, channels), outputs)


def _flattened(arguments: Any) -> Any:
    from tvm import relax

    for argument in arguments:
        yield from argument.fields if isinstance(argument, relax.Tuple) else [argument]


def bytes_of(shape: tuple[int, ...], dtype: str = "float32") -> int:
    """The size of a tensor."""
    return int(np.prod(shape)) * np.dtype(dtype).itemsize

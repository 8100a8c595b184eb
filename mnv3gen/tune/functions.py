"""TVM's functions in the worker: their buffers, and whether two of them compute the same."""

from __future__ import annotations

import ctypes
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mnv3gen.tune.data import buffer, copied

TOLERANCE = 1e-4  # of the largest output
POINTERS = 12  # as in repeat.c


class Signature(msgspec.Struct, frozen=True):
    """Elements and type of each parameter: those that are read, the output, temporaries."""

    parameters: tuple[tuple[int, str], ...]
    output: int

    @property
    def fits(self) -> bool:
        """Whether the loop around kernels has pointers enough for it."""
        return len(self.parameters) <= POINTERS


class LoadedFunction:
    """A function with its buffers, ready to be called.

    Inputs and output are those of the first of the functions: where a kernel's tensors lie in
    memory may move its time by more than its schedule does.
    """

    def __init__(
        self, function: Any, signature: Signature, seed: int, first: LoadedFunction | None = None
    ) -> None:
        assert signature.fits
        random = np.random.default_rng(seed)
        shared = signature.output + 1
        if first is None:
            self.shared = [copied(_values(random, *it)) for it in signature.parameters[:shared]]
        else:
            self.shared = first.shared
        own = signature.parameters[shared:]
        self.buffers = [*self.shared, *(buffer(count, np.dtype(dtype)) for count, dtype in own)]
        self.output = self.shared[-1]
        self.first = first
        self.functions = (ctypes.c_void_p * 1)(ctypes.cast(function, ctypes.c_void_p).value)
        self.pointers = (ctypes.c_void_p * POINTERS)(*(it.ctypes.data for it in self.buffers))

    def is_right(self, repeat: Any) -> bool:
        """Whether it computes finite values, those that the first one computes."""
        expected = self._computed(repeat) if self.first is None else self.first._computed(repeat)
        actual = self._computed(repeat)
        error = float(np.abs(actual - expected).max())
        return error <= TOLERANCE * max(float(np.abs(expected).max()), 1e-6)

    def _computed(self, repeat: Any) -> npt.NDArray[np.float64]:
        self.output[:] = 0
        repeat(self.functions, self.pointers, 1, 1)
        return np.array(self.output, np.float64)


def _values(random: np.random.Generator, count: int, dtype: str) -> npt.NDArray[Any]:
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        least, most = np.iinfo(kind).min, np.iinfo(kind).max
        return random.integers(least, most, count, kind.type, endpoint=True)
    return random.standard_normal(count).astype(kind)

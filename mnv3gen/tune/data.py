"""Random inputs and weights of a group, and what a right kernel makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel
from mnv3gen.generate.group import Group
from mnv3gen.tune.integers import random_constants
from mnv3gen.tune.reference import computed

ALIGNMENT = 64


class Data:
    """`weights` are those of each kernel as `Call.constants` has them; the rest is flat."""

    def __init__(self, group: Group, seed: int) -> None:
        random = np.random.default_rng(seed)

        def values(*shape: int) -> npt.NDArray[np.float32]:
            return random.standard_normal(shape, dtype=np.float32)

        def weights(kernel: Kernel) -> list[npt.NDArray[Any]]:
            if kernel.dtype == "int8":
                return random_constants(kernel, random)
            if kernel.kind not in ("conv", "dwconv"):
                return []
            slides = kernel.kind == "dwconv"
            depth, channels = 1 if slides else kernel.input[-1], kernel.output[-1]
            inner = (channels, 1) if slides else (depth, channels)
            weight = values(kernel.window, kernel.window, *inner)
            weight /= np.float32((kernel.window**2 * depth) ** 0.5)  # outputs like the inputs
            return [weight, values(1, 1, 1, channels)]

        inputs = [
            values(*shape)
            if dtype == "float32"
            else random.integers(-128, 128, shape).astype(dtype)
            for shape, dtype in zip(group.inputs, group.input_dtypes, strict=True)
        ]
        self.weights: list[list[Any]] = [weights(kernel) for kernel in group.kernels]
        outputs = computed(group, inputs, self.weights)
        self.expected = [
            output.ravel().astype(group.kernels[number].written_dtype)
            for output, number in zip(outputs, group.writes, strict=True)
        ]
        self.inputs = [copied(each) for each in inputs]


def buffer(elements: int, dtype: Any = np.float32) -> Any:
    """Zeros from an address that suits every vector."""
    whole = np.zeros(elements + ALIGNMENT, dtype)
    skipped = -whole.ctypes.data % ALIGNMENT // whole.itemsize
    return whole[skipped : skipped + elements]


def copied(array: npt.NDArray[Any]) -> Any:
    """The array's elements in such a buffer."""
    copy = buffer(array.size, array.dtype)
    copy[:] = array.ravel()
    return copy

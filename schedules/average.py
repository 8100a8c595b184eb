"""Average pooling with windows and strides, and without padding, as the head LR-ASPP does.

Windows are summed up one by one, those of overlapping ones again. Parameters as in `pool.py`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Builder, Index
from mnv3gen.generate.detail import window_of
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.mean import Window, write_mean
from mnv3gen.targets import Core

VERSION = 1


def accepts(group: Group, core: Core) -> bool:
    """Average pooling whose windows lie inside of the image."""
    if [kernel.kind for kernel in group.kernels] != ["average"]:
        return False
    window, strides = window_of(group.kernels[0])
    sides = zip(group.kernels[0].input, window, strides, strict=False)
    fitting = tuple((side - length) // step + 1 for side, length, step in sides)
    return fitting == group.kernels[0].output[:2]


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"pixels": (2, 4, 7, 8), "vectors": (1, 2, 4)}


def rule(group: Group, core: Core) -> Parameters:
    """The same as in `pool.py`."""
    return {"pixels": 7, "vectors": 2}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """There are no weights."""
    return []


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    pointers = frame(builder, group)
    _, width, channels = kernel.input
    rows, columns, _ = kernel.output
    window, strides = window_of(kernel)

    def pixel(row: Index, column: Index) -> None:
        write_mean(
            builder,
            pointers.inputs[0],
            (row * strides[0] * width + column * strides[1]) * channels,
            Window(*window, channels, width * channels),
            pointers.outputs[0],
            (row * columns + column) * channels,
            lanes_of(core),
            parameters["pixels"],
            parameters["vectors"],
        )

    def over_columns(row: Index) -> None:
        builder.loop(columns, lambda column: pixel(row, column), "column")

    builder.loop(rows, over_columns, "row")
    return Generated(builder, pointers)

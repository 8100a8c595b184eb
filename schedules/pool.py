"""The mean over the image, squeeze-and-excite's first step and the classifier's.

Parameters: `pixels` that are added up at a time; `vectors`, the registers of a round.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.builder import Builder
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.mean import Window, write_mean
from mnv3gen.targets import Core

VERSION = 1


def accepts(group: Group, core: Core) -> bool:
    """A mean alone."""
    return [kernel.kind for kernel in group.kernels] == ["pool"]


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"pixels": (2, 4, 7, 8), "vectors": (1, 2, 4)}


def rule(group: Group, core: Core) -> Parameters:
    """Seven pixels: the widths of these networks are multiples of it."""
    return {"pixels": 7, "vectors": 2}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """There are no weights."""
    return []


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder = Builder()
    height, width, channels = group.kernels[0].input
    pointers = frame(builder, group)
    write_mean(
        builder,
        pointers.inputs[0],
        0,
        Window(1, height * width, channels, 0),
        pointers.outputs[0],
        0,
        lanes_of(core),
        parameters["pixels"],
        parameters["vectors"],
    )
    return Generated(builder, pointers)

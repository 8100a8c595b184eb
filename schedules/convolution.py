"""Full convolutions of any window, stride and dilation: the stem, and heads with 3x3 kernels.

Tiles are pixels of one row by a panel of output channels; at the image's edges they leave out the
window's taps outside of it.

Parameters: `vectors`, the most registers of a panel; `rows`, the most pixels of a tile, 0 for as
many as fit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import Builder, Index, Value
from mnv3gen.generate.convolve import convolve_row, row_taps
from mnv3gen.generate.cover import Lanes, Run, Taps, panels, vectors
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.multiply import Tile, most_vectors, reads_by_lane, rows_of
from mnv3gen.generate.packing import panels_with_bias
from mnv3gen.targets import Core

VERSION = 1
SHARE_OF_PEAK = 0.6


def accepts(group: Group, core: Core) -> bool:
    """One dense convolution, with or without a residual."""
    return [kernel.kind for kernel in group.kernels] == ["conv"]


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"vectors": tuple(range(1, most_vectors(core) + 1)), "rows": (0, 2, 3, 4, 5, 6, 8)}


def rule(group: Group, core: Core) -> Parameters:
    """The widest panel that leaves room for four rows.

    On NEON a tile keeps to three: LLVM unrolls a short reduction and then wants registers.
    """
    return {"vectors": most_vectors(core), "rows": 3 if reads_by_lane(core) else 0}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """One array: panels with their bias."""
    weight, bias = weights[0]
    runs = _panels(group, core, parameters)
    return [panels_with_bias(weight.reshape(-1, bias.size), bias, runs, group.storage)]


def cost(group: Group, core: Core) -> float:
    """Its tensors once, its arithmetic at the share of the peak that was measured."""
    return costs.cost(group, core, SHARE_OF_PEAK, costs.tensors(group))


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: only the stem is one of these where weights are few."""
    builder, kernel = Builder(), group.kernels[0]
    depth = kernel.window**2 * kernel.input[-1]
    channels = kernel.output[-1]
    pointers = frame(builder, group, weights=((channels * (depth + 1), group.storage),))

    def row(at: Index, seen: Taps) -> None:
        for run in _panels(group, core, parameters):

            def panel(index: Index, run: Run = run) -> None:
                channel = index * run.size + run.start
                columns = tuple(vectors(run.size, lanes_of(core)))
                tile = Tile(
                    source=pointers.inputs[0],
                    weights=pointers.weights[0],
                    at=channel * (depth + 1) + run.size,
                    bias=pointers.weights[0],
                    bias_at=channel * (depth + 1),
                    width=run.size,
                    columns=columns,
                    by_lane=reads_by_lane(core),
                )

                def finish(column: Index, part: Lanes, value: Value) -> None:
                    pixel = at * kernel.output[1] + column
                    offset = pixel * channels + channel + part.offset
                    if "add" in kernel.epilogue:
                        residual = pointers.inputs[-1 - group.reads[0][1]]
                        value = value + builder.load(residual, offset, part.lanes)
                    builder.store(pointers.outputs[0], offset, value, part.lanes)

                rows = rows_of(core, len(columns), parameters["rows"])
                convolve_row(builder, kernel, tile, at, seen, rows, finish)

            builder.loop(run.count, panel, "panel")

    for seen in row_taps(kernel):

        def body(index: Index, seen: Taps = seen) -> None:
            row(index + seen.start, seen)

        builder.loop(seen.count, body, "row")
    return Generated(builder, pointers)


def _panels(group: Group, core: Core, parameters: Parameters) -> list[Run]:
    return panels(group.kernels[0].output[-1], lanes_of(core), parameters["vectors"])

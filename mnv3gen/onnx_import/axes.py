"""Operators that only name axes anew, or order them: nothing of them is left in a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from mnv3gen.onnx_import.reading import Reading
from mnv3gen.weights_import.onnx_file import attributes_of

TO_HWC, TO_CHW = (0, 2, 3, 1), (0, 3, 1, 2)


def reshape(reading: Reading, node: Any) -> None:
    """0 keeps a side, -1 is what is left."""
    dims = reading.tensor(node).dims
    given = reading.constant(node, 1)
    if given is None:
        raise reading.refusal("has a shape that is no constant", node)
    wanted = [int(side) for side in np.ravel(given)]
    if not attributes_of(node).get("allowzero", 0):
        wanted = [
            dims[at] if side == 0 and at < len(dims) else side for at, side in enumerate(wanted)
        ]
    if wanted.count(-1) == 1:
        known = -prod(wanted)
        wanted = [prod(dims) // known if side == -1 and known else side for side in wanted]
    _renamed(reading, node, wanted)


def flatten(reading: Reading, node: Any) -> None:
    """Two axes: all before the given one, and the rest."""
    dims = reading.tensor(node).dims
    axis = attributes_of(node).get("axis", 1)
    axis += len(dims) if axis < 0 else 0
    _renamed(reading, node, [prod(dims[:axis]), prod(dims[axis:])])


def squeeze(reading: Reading, node: Any) -> None:
    """Axes of one element; all such without a list."""
    dims = reading.tensor(node).dims
    axes = {axis % len(dims) for axis in _axes(reading, node)}
    axes = axes or {at for at, side in enumerate(dims) if side == 1}
    if any(dims[axis] != 1 for axis in axes):
        raise reading.refusal("removes an axis that is none", node)
    _renamed(reading, node, [side for at, side in enumerate(dims) if at not in axes])


def unsqueeze(reading: Reading, node: Any) -> None:
    """New axes of one element."""
    dims = list(reading.tensor(node).dims)
    axes = _axes(reading, node)
    rank = len(dims) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        dims.insert(axis, 1)
    _renamed(reading, node, dims)


def transpose(reading: Reading, node: Any) -> None:
    """Between (1, c, h, w) and (1, h, w, c); of one position any order."""
    tensor = reading.made(node)
    rank = len(tensor.dims)
    order = tuple(attributes_of(node).get("perm", range(rank)[::-1]))
    dims = tuple(tensor.dims[axis] for axis in order)
    if tensor.single or order == tuple(range(rank)):
        reading.values[node.output[0]] = replace(tensor, dims=dims)
        return
    axis, memory = tensor.channel_axis, tensor.memory
    if (axis, order) == (1, TO_HWC):
        memory = "hwc"
    elif (axis, order) == (3, TO_CHW):
        memory = "chw"
    else:
        raise reading.refusal("orders axes otherwise than between NCHW and NHWC", node)
    reading.values[node.output[0]] = replace(tensor, dims=dims, memory=memory)


def shape(reading: Reading, node: Any) -> None:
    """The shape, which is known: a constant."""
    values = attributes_of(node)
    dims = reading.tensor(node).dims[values.get("start", 0) : values.get("end", None)]
    reading.values[node.output[0]] = np.asarray(dims, np.int64)


AXES: dict[str, Callable[[Reading, Any], None]] = {
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Shape": shape,
}


def _axes(reading: Reading, node: Any) -> list[int]:
    """An attribute, or an input from opset 13 on."""
    given = reading.constant(node, 1)
    axes = attributes_of(node).get("axes", () if given is None else np.ravel(given).tolist())
    return [int(axis) for axis in axes]


def _renamed(reading: Reading, node: Any, dims: list[int]) -> None:
    tensor = reading.made(node)
    if prod(dims) != prod(tensor.dims) or not dims or min(dims) < 1:
        raise reading.refusal("makes another number of elements", node)
    reading.values[node.output[0]] = replace(tensor, dims=tuple(dims))

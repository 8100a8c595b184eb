"""Operators that `Graph` has as they are, and the table of these: joining, resizing, padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from mnv3gen.graph.graph import Concat, Coordinates, Resize
from mnv3gen.onnx_import.pools import (
    average_pool,
    global_average,
    global_maximum,
    max_pool,
    reduce_mean,
)
from mnv3gen.onnx_import.reading import Reading
from mnv3gen.onnx_import.weighted import convolution, gemm, matmul
from mnv3gen.onnx_import.windows import checked_sides
from mnv3gen.tables.values import MAX_SIDE
from mnv3gen.weights_import.onnx_file import attributes_of

MODES: dict[str, Coordinates] = {
    "half_pixel": "half_pixel",
    "pytorch_half_pixel": "half_pixel",
    "align_corners": "align_corners",
}


def concat(reading: Reading, node: Any) -> None:
    """Channels, one tensor's after the other's."""
    tensors = [reading.made(node, index) for index in range(len(node.input))]
    first = tensors[0]
    axis = attributes_of(node)["axis"] % len(first.dims)
    for each in tensors:
        fits = each.shape[:2] == first.shape[:2] and each.channel_axis == axis
        if not fits or (each.memory != first.memory and not each.single):
            raise reading.refusal("joins other axes than the channels", node)
    channels = sum(each.shape[2] for each in tensors)
    if len(tensors) == 1:
        reading.values[node.output[0]] = first
        return
    names = tuple(each.base for each in tensors)
    shape = (*first.shape[:2], channels)
    base = reading.draft.add(Concat(reading.draft.name("concat"), names, shape, 0))
    dims = [channels if at == axis else side for at, side in enumerate(first.dims)]
    reading.define(node, base, dims, first.memory)


def resize(reading: Reading, node: Any) -> None:
    """Bilinear, to a given size or by a factor that gives a whole one."""
    tensor = reading.map(node)
    values = attributes_of(node)
    mode = values.get("coordinate_transformation_mode", b"half_pixel").decode()
    if values.get("mode", b"nearest") != b"linear" or mode not in MODES:
        found = f"{values.get('mode', b'nearest').decode()}, {mode}"
        raise reading.refusal(f"interpolates otherwise ({found})", node, "linear, half_pixel")
    if values.get("antialias", 0) or values.get("axes") or values.get("exclude_outside", 0):
        raise reading.refusal("has antialiasing, axes or an outside", node)
    scales, sizes = reading.constant(node, 2), reading.constant(node, 3)
    if sizes is None and scales is not None and scales.size == 4:
        exact = np.asarray(tensor.dims) * scales.astype(np.float64)
        sizes = np.rint(exact).astype(np.int64)
        if np.abs(exact - sizes).max() > 1e-3:
            raise reading.refusal("has a factor that gives no whole size", node)
    if sizes is None or sizes.size != 4 or tuple(sizes[:2]) != tensor.dims[:2]:
        raise reading.refusal("has no constant size of height and width", node)
    shape = (int(sizes[2]), int(sizes[3]), tensor.shape[2])
    checked_sides(reading, node, shape[:2])
    if mode == "pytorch_half_pixel" and 1 in shape[:2]:
        raise reading.refusal("makes one pixel of a side", node)
    name = reading.draft.name("resize")
    base = reading.draft.add(Resize(name, (tensor.base,), shape, 0, MODES[mode]))
    reading.define(node, base)


def pad(reading: Reading, node: Any) -> None:
    """Zeros around a map, which the convolution after it takes over."""
    tensor = reading.map(node, keep_padding=True)
    values = attributes_of(node)
    given = reading.constant(node, 1)
    pads = values.get("pads", None if given is None else given.tolist())
    constant = reading.constant(node, 2)
    zero = values.get("value", 0.0) == 0 and (constant is None or not np.any(constant))
    if values.get("mode", b"constant") != b"constant" or pads is None or not zero:
        raise reading.refusal("pads with something else than constant zeros", node)
    if len(pads) != 8 or any(pads[axis] for axis in (0, 1, 4, 5)) or min(pads) < 0:
        raise reading.refusal("pads other axes than height and width", node)
    top, left, bottom, right = (
        have + int(pads[axis]) for have, axis in zip(tensor.padding, (2, 3, 6, 7), strict=True)
    )
    padding = top, left, bottom, right
    if max(padding) > MAX_SIDE:
        raise reading.refusal("pads by too much", node, f"at most {MAX_SIDE} pixels")
    reading.values[node.output[0]] = replace(tensor, padding=padding)


LAYERS: dict[str, Callable[[Reading, Any], None]] = {
    "Conv": convolution,
    "Gemm": gemm,
    "MatMul": matmul,
    "GlobalAveragePool": global_average,
    "GlobalMaxPool": global_maximum,
    "ReduceMean": reduce_mean,
    "AveragePool": average_pool,
    "MaxPool": max_pool,
    "Concat": concat,
    "Resize": resize,
    "Pad": pad,
}

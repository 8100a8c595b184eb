"""Means and maxima, over windows and over whole maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from mnv3gen.graph.graph import AveragePool, GlobalPool, MaxPool, Shape
from mnv3gen.onnx_import.draft import padded_square
from mnv3gen.onnx_import.reading import Reading
from mnv3gen.onnx_import.windows import padding_of, pair_of, sides_of, window_of
from mnv3gen.weights_import.onnx_file import attributes_of


def global_average(reading: Reading, node: Any) -> None:
    """The mean of each channel."""
    _global(reading, node, keep=True)


def reduce_mean(reading: Reading, node: Any) -> None:
    """The mean over height and width; the axes are an attribute, or an input from opset 18 on."""
    tensor = reading.made(node)
    values = attributes_of(node)
    given = reading.constant(node, 1)
    axes = values.get("axes", () if given is None else given.tolist())
    rank = len(tensor.dims)
    wanted = {axis for axis in range(1, rank) if axis != tensor.channel_axis}
    if rank != 4 or {int(axis) % rank for axis in axes} != wanted:
        raise reading.refusal("is over other axes than height and width", node)
    _global(reading, node, keep=bool(values.get("keepdims", 1)))


def global_maximum(reading: Reading, node: Any) -> None:
    """The largest of each channel."""
    tensor = reading.map(node)
    height, width, channels = tensor.shape
    name = reading.draft.name("max")
    node_ = MaxPool(name, (tensor.base,), (1, 1, channels), 0, (height, width), (1, 1))
    reading.define(node, reading.draft.add(node_))


def average_pool(reading: Reading, node: Any) -> None:
    """Windows inside of the map; with zeros counted around it a depthwise convolution."""
    tensor = reading.map(node)
    values = attributes_of(node)
    window, strides = window_of(reading, node), pair_of(values.get("strides", (1, 1)))
    padding = padding_of(reading, node, tensor.shape, window, strides)
    if any(values.get("dilations", ())) and set(values["dilations"]) != {1}:
        raise reading.refusal("has dilations", node, "none")
    if any(padding) and not values.get("count_include_pad", 0):
        raise reading.refusal("leaves padding out of its means", node, "no padding")
    sides = sides_of(reading, node, tensor.shape, window, strides, padding)
    if values.get("ceil_mode", 0) and sides != sides_of(
        reading, node, tensor.shape, window, strides, padding, up=True
    ):
        raise reading.refusal("has windows that are cut (ceil_mode)", node, "whole windows")
    shape: Shape = (*sides, tensor.shape[2])
    if not any(padding):
        if tuple(window) == tensor.shape[:2]:
            _global(reading, node, keep=True)
            return
        pool = AveragePool(
            reading.draft.name("average"), (tensor.base,), shape, 0, pair_of(window), strides
        )
        reading.define(node, reading.draft.add(pool))
        return
    channels = tensor.shape[2]
    weight = np.full((channels, 1, *window), 1 / (window[0] * window[1]))
    square, padding = padded_square(weight, padding, 1)
    down, along = strides
    base = reading.draft.convolution(
        tensor.base,
        square,
        np.zeros(channels),
        shape,
        stride=down,
        along=0 if along == down else along,
        groups=channels,
        padding=padding,
    )
    reading.define(node, base)


def max_pool(reading: Reading, node: Any) -> None:
    """The largest of windows; with `ceil_mode` the last windows reach beyond the map."""
    tensor = reading.map(node)
    values = attributes_of(node)
    window, strides = window_of(reading, node), pair_of(values.get("strides", (1, 1)))
    if set(values.get("dilations", (1, 1))) != {1} or len(node.output) > 1:
        raise reading.refusal("has dilations or gives positions", node)
    padding = padding_of(reading, node, tensor.shape, window, strides)
    up = bool(values.get("ceil_mode", 0))
    sides = sides_of(reading, node, tensor.shape, window, strides, padding, up)
    reach = [
        (count - 1) * step + side for count, step, side in zip(sides, strides, window, strict=True)
    ]
    top, left, bottom, right = padding
    bottom = max(bottom, reach[0] - tensor.shape[0] - top)
    right = max(right, reach[1] - tensor.shape[1] - left)
    if max(top, bottom) >= window[0] or max(left, right) >= window[1]:
        raise reading.refusal("has windows of nothing but padding", node)
    pool = MaxPool(
        reading.draft.name("max"),
        (tensor.base,),
        (*sides, tensor.shape[2]),
        0,
        pair_of(window),
        strides,
        (top, left, bottom, right),
    )
    reading.define(node, reading.draft.add(pool))


def _global(reading: Reading, node: Any, keep: bool) -> None:
    tensor = reading.made(node)
    axis = tensor.channel_axis
    if axis is None or len(tensor.dims) != 4:
        raise reading.refusal("reads no image", node)
    shape = (1, 1, tensor.shape[2])
    base = reading.draft.add(GlobalPool(reading.draft.name("pool"), (tensor.base,), shape, 0))
    dims = [side if at in (0, axis) else 1 for at, side in enumerate(tensor.dims)]
    reading.define(node, base, dims if keep else [1, shape[2]])

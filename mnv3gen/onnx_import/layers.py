"""Operators with windows or weights: convolutions, fully connected layers, pools, resizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import AveragePool, Concat, Coordinates, GlobalPool, MaxPool, Resize, Shape
from mnv3gen.onnx_import.draft import padded_square
from mnv3gen.onnx_import.reading import Reading
from mnv3gen.onnx_import.tensors import Padding
from mnv3gen.tables.values import MAX_CHANNELS, MAX_SIDE
from mnv3gen.weights_import.onnx_file import attributes_of

Array: TypeAlias = npt.NDArray[Any]
MODES: dict[str, Coordinates] = {
    "half_pixel": "half_pixel",
    "pytorch_half_pixel": "half_pixel",
    "align_corners": "align_corners",
}


def convolution(reading: Reading, node: Any) -> None:
    """Dense or depthwise; a kernel that is no square gets rows or columns of zeros."""
    tensor = reading.map(node, keep_padding=True)
    values, weight = attributes_of(node), _weight(reading, node, 1, 4)
    channels, groups = tensor.shape[2], values.get("group", 1)
    if groups not in (1, channels) or (groups > 1 and len(weight) != groups):
        raise reading.refusal(f"has {groups} groups", node, "one group, or one a channel")
    if weight.shape[1] * groups != channels:
        raise reading.refusal("has weights for another number of channels", node)
    dilation = _dilation(reading, node, weight.shape[2:])
    window = [(side - 1) * dilation + 1 for side in weight.shape[2:]]
    strides = _pair(values.get("strides", (1, 1)))
    padding = _padding(reading, node, tensor.shape, window, strides)
    padding = tuple(a + b for a, b in zip(padding, tensor.padding, strict=True))  # type: ignore[assignment]
    sides = _sides(reading, node, tensor.shape, window, strides, padding)
    square, padding = padded_square(weight, padding, dilation)
    down, along = strides
    base = reading.draft.convolution(
        tensor.base,
        square,
        _bias(reading, node, 2, len(weight)),
        (*sides, len(weight)),
        stride=down,
        along=0 if along == down else along,
        dilation=dilation,
        groups=groups,
        padding=padding,
    )
    reading.define(node, base)


def gemm(reading: Reading, node: Any) -> None:
    """Alpha * x W + beta * b."""
    values = attributes_of(node)
    weight = _weight(reading, node, 1, 2)
    weight = (weight if values.get("transB", 0) else weight.T) * values.get("alpha", 1.0)
    bias = _bias(reading, node, 2, len(weight)) * values.get("beta", 1.0)
    if values.get("transA", 0):
        raise reading.refusal("transposes the data", node)
    _connected(reading, node, weight, bias)


def matmul(reading: Reading, node: Any) -> None:
    """The product with a matrix."""
    weight = _weight(reading, node, 1, 2).T
    _connected(reading, node, weight, np.zeros(len(weight)))


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
    window, strides = _window(reading, node), _pair(values.get("strides", (1, 1)))
    padding = _padding(reading, node, tensor.shape, window, strides)
    if any(values.get("dilations", ())) and set(values["dilations"]) != {1}:
        raise reading.refusal("has dilations", node, "none")
    if any(padding) and not values.get("count_include_pad", 0):
        raise reading.refusal("leaves padding out of its means", node, "no padding")
    sides = _sides(reading, node, tensor.shape, window, strides, padding)
    if values.get("ceil_mode", 0) and sides != _sides(
        reading, node, tensor.shape, window, strides, padding, up=True
    ):
        raise reading.refusal("has windows that are cut (ceil_mode)", node, "whole windows")
    shape: Shape = (*sides, tensor.shape[2])
    if not any(padding):
        if tuple(window) == tensor.shape[:2]:
            _global(reading, node, keep=True)
            return
        pool = AveragePool(
            reading.draft.name("average"), (tensor.base,), shape, 0, _pair(window), strides
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
    window, strides = _window(reading, node), _pair(values.get("strides", (1, 1)))
    if set(values.get("dilations", (1, 1))) != {1} or len(node.output) > 1:
        raise reading.refusal("has dilations or gives positions", node)
    padding = _padding(reading, node, tensor.shape, window, strides)
    up = bool(values.get("ceil_mode", 0))
    sides = _sides(reading, node, tensor.shape, window, strides, padding, up)
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
        _pair(window),
        strides,
        (top, left, bottom, right),
    )
    reading.define(node, reading.draft.add(pool))


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
    _check_sides(reading, node, shape[:2])
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


def _connected(reading: Reading, node: Any, weight: Array, bias: Array) -> None:
    """A fully connected layer over all elements of a tensor: a convolution as large as its map."""
    tensor = reading.made(node)
    height, width, channels = tensor.shape
    flat = tensor.dims == (1, height * width * channels)
    if not flat and not (tensor.single and tensor.channel_axis == len(tensor.dims) - 1):
        raise reading.refusal("multiplies other axes than all of the data", node)
    if weight.shape[1] != height * width * channels:
        raise reading.refusal("has weights for another number of values", node)
    order = (0, 1, 2, 3) if tensor.memory == "chw" else (0, 3, 1, 2)
    sides = (channels, height, width) if tensor.memory == "chw" else (height, width, channels)
    kernel, padding = padded_square(weight.reshape(-1, *sides).transpose(order), (0, 0, 0, 0), 1)
    base = reading.draft.convolution(
        tensor.base, kernel, bias, (1, 1, len(weight)), padding=padding
    )
    reading.define(node, base, (*tensor.dims[:-1], len(weight)))


def _global(reading: Reading, node: Any, keep: bool) -> None:
    tensor = reading.made(node)
    axis = tensor.channel_axis
    if axis is None or len(tensor.dims) != 4:
        raise reading.refusal("reads no image", node)
    shape = (1, 1, tensor.shape[2])
    base = reading.draft.add(GlobalPool(reading.draft.name("pool"), (tensor.base,), shape, 0))
    dims = [side if at in (0, axis) else 1 for at, side in enumerate(tensor.dims)]
    reading.define(node, base, dims if keep else [1, shape[2]])


def _window(reading: Reading, node: Any) -> tuple[int, int]:
    window = attributes_of(node).get("kernel_shape", ())
    if len(window) != 2 or not all(1 <= side <= MAX_SIDE for side in window):
        raise reading.refusal("has an impossible window", node)
    return _pair(window)


def _dilation(reading: Reading, node: Any, kernel: Sequence[int]) -> int:
    """The dilation of both axes; that of an axis of one tap has no meaning."""
    given = _pair(attributes_of(node).get("dilations", (1, 1)))
    found = {each for each, side in zip(given, kernel, strict=True) if side > 1} or {1}
    if len(found) > 1 or not all(1 <= each <= MAX_SIDE for each in found):
        raise reading.refusal("has dilations that differ", node)
    return found.pop()


def _padding(
    reading: Reading, node: Any, shape: Shape, window: Sequence[int], strides: Sequence[int]
) -> Padding:
    values = attributes_of(node)
    mode = values.get("auto_pad", b"NOTSET").decode()
    if mode in ("NOTSET", "VALID"):
        pads = tuple(values.get("pads", ())) if mode == "NOTSET" else ()
        pads = pads or (0, 0, 0, 0)
        if len(pads) != 4 or not all(0 <= side <= MAX_SIDE for side in pads):
            raise reading.refusal("has impossible padding", node)
        return pads[0], pads[1], pads[2], pads[3]
    before, after = [], []
    for side, reach, step in zip(shape[:2], window, strides, strict=True):
        total = max((-(-side // step) - 1) * step + reach - side, 0)
        small, large = total // 2, total - total // 2
        before.append(large if mode == "SAME_LOWER" else small)
        after.append(small if mode == "SAME_LOWER" else large)
    return before[0], before[1], after[0], after[1]


def _sides(
    reading: Reading,
    node: Any,
    shape: Shape,
    window: Sequence[int],
    strides: Sequence[int],
    padding: Padding,
    up: bool = False,
) -> tuple[int, int]:
    """Height and width of the output; a last window that starts in the padding is none."""
    sides = []
    if not all(1 <= step <= MAX_SIDE for step in strides):
        raise reading.refusal("has impossible strides", node)
    for axis in (0, 1):
        rest = shape[axis] + padding[axis] + padding[axis + 2] - window[axis]
        count = (-(-rest // strides[axis]) if up else rest // strides[axis]) + 1
        if up and (count - 1) * strides[axis] >= shape[axis] + padding[axis]:
            count -= 1
        sides.append(count)
    return _check_sides(reading, node, sides)


def _check_sides(reading: Reading, node: Any, sides: Sequence[int]) -> tuple[int, int]:
    if not all(1 <= side <= MAX_SIDE for side in sides):
        found = "x".join(map(str, sides))
        raise reading.refusal(f"makes a map of {found}", node, f"sides of 1 to {MAX_SIDE}")
    return int(sides[0]), int(sides[1])


def _weight(reading: Reading, node: Any, index: int, rank: int) -> npt.NDArray[np.float64]:
    constant = reading.constant(node, index)
    if constant is None or constant.dtype.kind != "f":
        raise reading.refusal("has weights that are no constant floats", node)
    if constant.ndim != rank or 0 in constant.shape:
        raise reading.refusal("has weights of another rank", node, f"{rank} axes")
    if len(constant) > MAX_CHANNELS * 16:
        raise reading.refusal("has too many channels", node)
    if not np.isfinite(constant).all():
        raise reading.refusal("has weights that are not finite", node)
    return constant.astype(np.float64)


def _bias(reading: Reading, node: Any, index: int, size: int) -> npt.NDArray[np.float64]:
    if len(node.input) <= index or not node.input[index]:
        return np.zeros(size)
    constant = reading.constant(node, index)
    if constant is None or constant.dtype.kind != "f" or constant.size not in (1, size):
        raise reading.refusal("has a bias that is not one constant a channel", node)
    if not np.isfinite(constant).all():
        raise reading.refusal("has a bias that is not finite", node)
    return np.broadcast_to(constant.astype(np.float64).reshape(-1), (size,))


def _pair(values: Sequence[int]) -> tuple[int, int]:
    return int(values[0]), int(values[-1])

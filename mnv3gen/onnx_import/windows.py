"""What operators say of their windows: sides, strides, dilation, padding; what that makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnv3gen.graph.graph import Shape
from mnv3gen.onnx_import.reading import Reading
from mnv3gen.onnx_import.tensors import Padding
from mnv3gen.tables.values import MAX_SIDE
from mnv3gen.weights_import.onnx_file import attributes_of


def window_of(reading: Reading, node: Any) -> tuple[int, int]:
    """Height and width of a window."""
    window = attributes_of(node).get("kernel_shape", ())
    if len(window) != 2 or not all(1 <= side <= MAX_SIDE for side in window):
        raise reading.refusal("has an impossible window", node)
    return pair_of(window)


def dilation_of(reading: Reading, node: Any, kernel: Sequence[int]) -> int:
    """The dilation of both axes; that of an axis of one tap has no meaning."""
    given = pair_of(attributes_of(node).get("dilations", (1, 1)))
    found = {each for each, side in zip(given, kernel, strict=True) if side > 1} or {1}
    if len(found) > 1 or not all(1 <= each <= MAX_SIDE for each in found):
        raise reading.refusal("has dilations that differ", node)
    return found.pop()


def padding_of(
    reading: Reading, node: Any, shape: Shape, window: Sequence[int], strides: Sequence[int]
) -> Padding:
    """Zeros at the top, left, bottom and right."""
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


def sides_of(
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
    return checked_sides(reading, node, sides)


def checked_sides(reading: Reading, node: Any, sides: Sequence[int]) -> tuple[int, int]:
    """Height and width of a map, if there can be such."""
    if not all(1 <= side <= MAX_SIDE for side in sides):
        found = "x".join(map(str, sides))
        raise reading.refusal(f"makes a map of {found}", node, f"sides of 1 to {MAX_SIDE}")
    return int(sides[0]), int(sides[1])


def pair_of(values: Sequence[int]) -> tuple[int, int]:
    """Of both axes, where a file may say one value for both."""
    return int(values[0]), int(values[-1])

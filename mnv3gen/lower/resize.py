"""Bilinear resize in TE, with positions in whole numbers.

TVM's own form computes positions in floats and rounds them, which 32-bit ARM does in library calls.
As fractions of whole numbers they are exact, and need neither.
"""

from __future__ import annotations

from typing import Any


def legalize_resize(builder: Any, call: Any) -> Any:
    """The legalization of `relax.image.resize2d` for NHWC, linear, and two coordinate modes."""
    mode = str(call.attrs.coordinate_transformation_mode)
    _, height, width, _ = (int(side) for side in call.ty.shape)
    return builder.call_te(resize, call.args[0], (height, width), mode, primfunc_name_hint="resize")


def resize(data: Any, size: tuple[int, int], mode: str) -> Any:
    """(n, h, w, c) to (n, *size, c); see `mnv3gen.graph.graph.Resize` for the modes."""
    from tvm import te

    count, height, width, channels = (int(side) for side in data.shape)

    def element(image: Any, row: Any, column: Any, channel: Any) -> Any:
        top, bottom, down = neighbours(row, height, size[0], mode)
        left, right, along = neighbours(column, width, size[1], mode)

        def mixed(y: Any) -> Any:
            first, second = data[image, y, left, channel], data[image, y, right, channel]
            return first + (second - first) * along

        upper, lower = mixed(top), mixed(bottom)
        return upper + (lower - upper) * down

    return te.compute((count, *size, channels), element, name="resize")


def neighbours(index: Any, size: int, wanted: int, mode: str) -> tuple[Any, Any, Any]:
    """The two input positions around an output position, and the share of the second."""
    from tvm import tirx

    index = index.astype("int32")
    if mode == "align_corners":
        numerator, denominator = index * (size - 1), max(wanted - 1, 1)
    elif mode == "half_pixel":
        numerator = tirx.max((index * 2 + 1) * size - wanted, tirx.const(0, "int32"))
        denominator = 2 * wanted
    else:
        raise ValueError(f"no coordinates {mode}")
    last = tirx.const(size - 1, "int32")
    low = tirx.min(tirx.floordiv(numerator, denominator), last)
    share = tirx.floormod(numerator, denominator).astype("float32")
    return low, tirx.min(low + 1, last), share * tirx.const(1 / denominator, "float32")

"""The integer operators in TE: `arithmetic.py` once more, as expressions to compile.

They are the fallback where no generator writes a kernel, and by TVM's own code generation an
independent check of the definition. Tensors are NHWC.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Coordinates
from mnv3gen.quantize.arithmetic import FRACTION, HALF, INTERPOLATION, interpolation_weights

TO_NEAREST = 1.5 * 2**23  # a small float32, added to it, is rounded to a whole number
TO_NEAREST_BITS = 0x4B400000  # of that number


def pad(data: Any, zero_point: Any, padding: tuple[int, ...]) -> Any:
    """`padding` is (top, left, bottom, right)."""
    from tvm import te, tirx

    count, height, width, channels = (int(side) for side in data.shape)
    top, left, bottom, right = padding

    def element(n: Any, y: Any, x: Any, c: Any) -> Any:
        inside = tirx.all(y >= top, y < top + height, x >= left, x < left + width)
        return tirx.if_then_else(inside, data[n, y - top, x - left, c], zero_point())

    shape = (count, height + top + bottom, width + left + right, channels)
    return te.compute(shape, element, name="pad")


def requantize(sums: Any, shift: Any, multiplier: Any, last: Any) -> Any:
    """`last` is (zero point,)."""
    from tvm import te

    def element(*index: Any) -> Any:
        return _narrowed(_scaled(sums(*index), shift, multiplier, index[-1]), last[0])

    return te.compute(sums.shape, element, name="requantize")


def requantize_hswish(sums: Any, shift: Any, multiplier: Any, last: Any) -> Any:
    """`last` is (power, factor, zero point)."""
    from tvm import te

    def element(*index: Any) -> Any:
        value = _scaled(sums(*index), shift, multiplier, index[-1])
        product = _high_product(value, _hard_sigmoid(value, last[0]))
        return _narrowed(_high_product(product, last[1]), last[2])

    return te.compute(sums.shape, element, name="requantize_hswish")


def requantize_hard_sigmoid(sums: Any, shift: Any, multiplier: Any, last: Any) -> Any:
    """`last` is (power, factor, zero point)."""
    from tvm import te

    def element(*index: Any) -> Any:
        value = _hard_sigmoid(_scaled(sums(*index), shift, multiplier, index[-1]), last[0])
        return _narrowed(_high_product(value, last[1]), last[2])

    return te.compute(sums.shape, element, name="requantize_hard_sigmoid")


def average(data: Any, constants: Any, window: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """The mean of every window that lies whole inside; the global mean has one window."""
    from tvm import te

    count, height, width, channels = (int(side) for side in data.shape)
    rows, columns = (
        (size - side) // step + 1
        for size, side, step in zip((height, width), window, strides, strict=True)
    )
    down, along = (te.reduce_axis((0, side)) for side in window)

    def window_sum(n: Any, y: Any, x: Any, c: Any) -> Any:
        value = data[n, y * strides[0] + down, x * strides[1] + along, c]
        return te.sum(_wide(value), axis=[down, along])

    def element(n: Any, y: Any, x: Any, c: Any) -> Any:
        factor, offset, shift, multiplier, zero_point = (constants[number] for number in range(5))
        shifted = _to_int16((sums[n, y, x, c] * factor + offset) >> shift)
        return _narrowed(_high_product(shifted, multiplier), zero_point)

    shape = (count, rows, columns, channels)
    sums = te.compute(shape, window_sum, name="sums")
    return te.compute(shape, element, name="average")


def gate(data: Any, factors: Any, constants: Any) -> Any:
    """`factors` has the shape of `data`, or one position."""
    from tvm import te

    single = all(int(side) == 1 for side in factors.shape[1:3])

    def element(n: Any, y: Any, x: Any, c: Any) -> Any:
        factor = factors[n, 0, 0, c] if single else factors[n, y, x, c]
        product = _high_product(
            _centered(data[n, y, x, c], constants[0]), _centered(factor, constants[1])
        )
        return _narrowed(_high_product(product, constants[2]), constants[3])

    return te.compute(data.shape, element, name="gate")


def add(first: Any, second: Any, constants: Any) -> Any:
    """The sum of two tensors of one shape."""
    from tvm import te

    def element(*index: Any) -> Any:
        terms = (
            _high_product(_centered(first(*index), constants[0]), constants[1]),
            _high_product(_centered(second(*index), constants[2]), constants[3]),
        )
        return _narrowed(_to_int16(_wide(terms[0]) + _wide(terms[1])), constants[4])

    return te.compute(first.shape, element, name="add")


def resize_table(size: int, wanted: int, coordinates: Coordinates) -> npt.NDArray[np.int32]:
    """(position, position, weight, weight) of the two neighbours of each output position."""
    weights = interpolation_weights(size, wanted, coordinates)
    index = np.arange(wanted)
    low = np.argmax(weights > 0, axis=1)
    high = size - 1 - np.argmax(weights[:, ::-1] > 0, axis=1)
    second = np.where(high > low, weights[index, high], 0)
    return np.stack([low, high, weights[index, low], second], axis=1).astype(np.int32)


def resize(data: Any, rows: Any, columns: Any) -> Any:
    """`rows` and `columns` are what `resize_table` gives."""
    from tvm import te

    count, _, _, channels = (int(side) for side in data.shape)

    def element(n: Any, y: Any, x: Any, c: Any) -> Any:
        total = sum(
            rows[y, 2 + down]
            * columns[x, 2 + along]
            * _wide(data[n, rows[y, down], columns[x, along], c])
            for down in (0, 1)
            for along in (0, 1)
        )
        rounding = 1 << (2 * INTERPOLATION - 1)
        return ((total + _int32(rounding)) >> _int32(2 * INTERPOLATION)).astype("int8")

    shape = (count, int(rows.shape[0]), int(columns.shape[0]), channels)
    return te.compute(shape, element, name="resize")


def lookup(data: Any, table: Any) -> Any:
    """The table's element for each element."""
    from tvm import te

    return te.compute(
        data.shape, lambda *index: table[_wide(data(*index)) + _int32(128)], name="lookup"
    )


def quantize(data: Any, inverse_scale: Any, zero_point: Any) -> Any:
    """float32 to int8, to nearest by an addition: no math library, and half goes to even."""
    from tvm import te, tirx

    def element(*index: Any) -> Any:
        product = inverse_scale() * data(*index)
        bound = tirx.const(1024.0, "float32")
        clipped = tirx.max(tirx.min(product, bound), -bound)
        number = tirx.Select(tirx.isnan(product), tirx.const(0.0, "float32"), clipped)
        bits = tirx.reinterpret("int32", number + tirx.const(TO_NEAREST, "float32"))
        return _saturated(bits - _int32(TO_NEAREST_BITS) + zero_point(), "int8")

    return te.compute(data.shape, element, name="quantize")


def dequantize(data: Any, scale: Any, zero_point: Any) -> Any:
    """int8 to float32."""
    from tvm import te

    def element(*index: Any) -> Any:
        return (_wide(data(*index)) - zero_point()).astype("float32") * scale()

    return te.compute(data.shape, element, name="dequantize")


def dequantize_sums(sums: Any, unit: Any) -> Any:
    """int32 to float32."""
    from tvm import te

    def element(*index: Any) -> Any:
        return sums(*index).astype("float32") * unit[index[-1]]

    return te.compute(sums.shape, element, name="dequantize_sums")


def _scaled(total: Any, shift: Any, multiplier: Any, channel: Any) -> Any:
    from tvm import tirx

    right = tirx.max(shift[channel], _int32(0))
    left = tirx.max(-shift[channel], _int32(0))
    shifted = _to_int16(_wide(_to_int16(total >> right)) << left)
    return _high_product(shifted, multiplier[channel])


def _high_product(first: Any, second: Any) -> Any:
    return ((_wide(first) * _wide(second) + _int32(HALF)) >> _int32(15)).astype("int16")


def _hard_sigmoid(value: Any, power: Any) -> Any:
    from tvm import tirx

    # Truncating division is what the machine has, and of positive numbers is the same.
    limit = tirx.truncdiv(_int32(HALF), _wide(power))
    upper = tirx.truncdiv(_int32(HALF - 1), _wide(power))
    inner = tirx.max(tirx.min(_wide(value), upper), -limit)
    return (inner * _wide(power) + _int32(HALF)).astype("int16")


def _narrowed(value: Any, zero_point: Any) -> Any:
    offset = (_wide(zero_point) << _int32(FRACTION)) + _int32(1 << FRACTION >> 1)
    return _saturated(_wide(_to_int16(_wide(value) + offset)) >> _int32(FRACTION), "int8")


def _centered(value: Any, zero_point: Any) -> Any:
    return ((_wide(value) - _wide(zero_point)) << _int32(7)).astype("int16")


def _to_int16(value: Any) -> Any:
    return _saturated(value, "int16")


def _saturated(value: Any, dtype: str) -> Any:
    from tvm import tirx

    limits = np.iinfo(dtype)
    low, high = (_int32(int(limit)) for limit in (limits.min, limits.max))
    return tirx.max(tirx.min(value, high), low).astype(dtype)


def _wide(value: Any) -> Any:
    return value.astype("int32")


def _int32(value: int) -> Any:
    from tvm import tirx

    return tirx.const(value, "int32")

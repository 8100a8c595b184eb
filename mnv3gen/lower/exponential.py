"""The exponential as arithmetic alone: no math library, not even a rounding instruction, is needed.

x = n ln 2 + r with a whole n and |r| <= ln(2)/2; then exp(x) = 2**n exp(r), where 2**n is made of
the bits of a float32 and exp(r) is a Taylor polynomial of degree 7 (relative error below 1e-8).
"""

from __future__ import annotations

import math
from typing import Any

LARGEST, SMALLEST = 88.0, -87.0  # beyond, a float32 overflows or is subnormal
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4  # their sum is ln 2; the first times n is exact
DEGREE = 7
BIAS, MANTISSA_BITS = 127, 23


def exponential(value: Any, lanes: int = 1) -> Any:
    """The exponential of a TIR expression of type float32, clipped to [exp(-87), exp(88)].

    `lanes` is how many float32 the value has: 1 for a scalar.
    """
    from tvm import tirx

    def constant(number: float) -> Any:
        return tirx.const(number, _vector("float32", lanes))

    def integer(number: int) -> Any:
        return tirx.const(number, _vector("int32", lanes))

    bounded = tirx.max(tirx.min(value, constant(LARGEST)), constant(SMALLEST))
    # Conversion cuts towards zero, so the number is rounded where it is positive.
    shifted = bounded * constant(1 / math.log(2)) + constant(BIAS + 1.5)
    whole = shifted.astype(_vector("int32", lanes)) - integer(BIAS + 1)
    count = whole.astype(_vector("float32", lanes))
    rest = bounded - count * constant(LN2_HIGH) - count * constant(LN2_LOW)
    series = constant(1 / math.factorial(DEGREE))
    for power in reversed(range(DEGREE)):
        series = series * rest + constant(1 / math.factorial(power))
    bits = tirx.op.shift_left(whole + integer(BIAS), integer(MANTISSA_BITS))
    return series * tirx.reinterpret(_vector("float32", lanes), bits)


def _vector(element: str, lanes: int) -> str:
    return element if lanes == 1 else f"{element}x{lanes}"

"""What follows the sums in registers: activations, as vector arithmetic."""

from __future__ import annotations

from mnv3gen.generate.builder import Value, broadcast, constant
from mnv3gen.lower.exponential import exponential

ONE = 0x3F800000  # the bits of 1.0


def activated(value: Value, epilogue: tuple[str, ...], lanes: int) -> Value:
    """A value of `lanes` lanes after the activation that a kernel's epilogue names, if any.

    h-swish is x * clip(x/6 + 1/2, 0, 1), which is x * ReLU6(x + 3) / 6 (section 5.2).
    """
    from tvm import tirx

    zero, one = constant(0.0, lanes), constant(1.0, lanes)
    for name in epilogue:
        match name:
            case "relu":
                value = tirx.max(value, zero)
            case "relu6":
                value = tirx.max(tirx.min(value, constant(6.0, lanes)), zero)
            case "hswish":
                value = value * _hard_sigmoid(value, lanes)
            case "hard_sigmoid":
                value = _hard_sigmoid(value, lanes)
            case "sigmoid":
                value = one / (one + exponential(zero - value, lanes))
    return value


def _hard_sigmoid(value: Value, lanes: int) -> Value:
    """clip(x/6 + 1/2, 0, 1), clipped as integers.

    Floats above zero are in the order of their bits, and those below zero have negative ones. Cores
    whose multipliers also compare floats have other units that compare integers.
    """
    from tvm import tirx

    scaled = value * constant(1 / 6, lanes) + constant(0.5, lanes)
    suffix = "" if lanes == 1 else f"x{lanes}"
    bits = tirx.reinterpret(f"int32{suffix}", scaled)
    zero, one = (broadcast(tirx.const(number, "int32"), lanes) for number in (0, ONE))
    return tirx.reinterpret(f"float32{suffix}", tirx.max(tirx.min(bits, one), zero))

"""What follows the sums in registers: activations, as vector arithmetic."""

from __future__ import annotations

from mnv3gen.generate.builder import Value, constant
from mnv3gen.lower.exponential import exponential


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
    from tvm import tirx

    scaled = value * constant(1 / 6, lanes) + constant(0.5, lanes)
    return tirx.max(tirx.min(scaled, constant(1.0, lanes)), constant(0.0, lanes))

"""What becomes one kernel among the integer operators (docs/quantization.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mnv3gen.quantize.operators import LEFT, REQUANTIZATIONS
from mnv3gen.quantize.operators import PREFIX as INT8

# The others by how many arguments they have; the last ones may be shapes or constants.
ALONE = {
    "quantize": 3,
    "dequantize": 3,
    "mean": 2,
    "average": 3,
    "gate": 3,
    "add": 3,
    "resize": 2,
    "lookup": 2,
}


def integer_patterns() -> Iterator[tuple[Any, ...]]:
    """The longest first: pad, convolution, bias, requantization and residual are one kernel."""
    from tvm.relax.dpl import is_const, is_op, wildcard

    for padded in (True, False):
        for suffix in ("", LEFT):
            linear = _convolution("requantize" + suffix, padded)
            residual = is_op(INT8 + "add")(linear, wildcard(), is_const())
            yield "int8_conv2d_add", residual, {"branch": linear}, branch_is_used_once
        for name in REQUANTIZATIONS:
            yield "int8_conv2d", _convolution(name, padded)
        yield "int8_conv2d", _convolution("dequantize_sums", padded, 1)
    for name, arguments in ALONE.items():
        yield f"int8_{name}", is_op(INT8 + name)(*(wildcard() for _ in range(arguments)))


def branch_is_used_once(context: Any) -> bool:
    """Whether nothing but the matched addition reads the convolution; else it has to be stored."""
    variable = context.value_to_bound_var[context.annotated_expr["branch"]]
    return len(context.var_usages[variable]) == 1


def _convolution(last: str, padded: bool, constants: int = 3) -> Any:
    from tvm.relax.dpl import is_const, is_op, wildcard

    data = wildcard()
    if padded:
        data = is_op(INT8 + "pad")(data, is_const(), wildcard())
    sums = is_op("relax.nn.conv2d")(data, is_const())
    biased = is_op("relax.add")(sums, is_const())
    return is_op(INT8 + last)(biased, *(is_const() for _ in range(constants)))

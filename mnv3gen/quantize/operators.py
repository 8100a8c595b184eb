"""The Relax operators of integer networks, `relax.mnv3gen.int8.*`: types, and forms to compile.

docs/quantization.md lists them with their arguments; `forms.py` has their arithmetic. Tensors are
NHWC with batch 1, and constants are arguments, so that kernels that differ in them only are one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mnv3gen.graph.graph import Coordinates
from mnv3gen.quantize import forms

PREFIX = "relax.mnv3gen.int8."
LEFT = "_left"  # behind the name of a requantization some of whose shifts are below 0


@dataclass(frozen=True)
class Operator:
    """`dtype` is the result's; `shape` and `legalize` make it and its TE form from a call."""

    dtype: str
    shape: Callable[[Any], Sequence[Any]]
    legalize: Callable[[Any, Any], Any]


@cache
def register() -> None:
    """Make the operators known to TVM; later calls do nothing."""
    from tvm.ir.op import register_op_attr
    from tvm.relax.transform.legalize_ops.common import register_legalize

    for name, operator in OPERATORS.items():
        register_op_attr(PREFIX + name, "FInferType", _type_inference(operator))
        register_op_attr(PREFIX + name, "FPurity", True)
        register_legalize(PREFIX + name, operator.legalize)


def call(name: str, *arguments: Any, **attributes: str) -> Any:
    """A Relax call of one of the operators, by its name without the prefix."""
    from tvm import relax
    from tvm.ir import Op, make_node

    register()
    attrs = make_node("ir.DictAttrs", **attributes) if attributes else None
    return relax.Call(Op.get(PREFIX + name), list(arguments), attrs)


def shape_values(expression: Any) -> tuple[int, ...]:
    """The numbers of an argument that is a shape."""
    return tuple(int(value) for value in expression.values)


def _type_inference(operator: Operator) -> Callable[[Any, Any], Any]:
    def infer(call: Any, context: Any) -> Any:
        from tvm import relax

        return relax.TensorType(operator.shape(call), operator.dtype)

    return infer


def _of_first(call: Any) -> Any:
    return call.args[0].ty.shape


def _first(call: Any) -> tuple[int, ...]:
    return tuple(int(side) for side in _of_first(call))


def _padded(call: Any) -> tuple[int, ...]:
    _, height, width, channels = _first(call)
    top, left, bottom, right = shape_values(call.args[2])
    return 1, height + top + bottom, width + left + right, channels


def _averaged(call: Any) -> tuple[int, ...]:
    _, height, width, channels = _first(call)
    window_height, window_width, down, along = shape_values(call.args[2])
    rows, columns = (height - window_height) // down + 1, (width - window_width) // along + 1
    return 1, rows, columns, channels


def _resized(call: Any) -> tuple[int, ...]:
    return 1, *shape_values(call.args[1]), _first(call)[3]


def _mean(call: Any) -> tuple[int, ...]:
    return 1, 1, 1, _first(call)[3]


def _plain(form: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """The legalization of an operator all of whose arguments are tensors."""

    def legalize(builder: Any, call: Any) -> Any:
        return builder.call_te(form, *call.args, primfunc_name_hint=f"int8_{form.__name__}")

    return legalize


def _legalize_pad(builder: Any, call: Any) -> Any:
    data, zero_point, padding = call.args
    return builder.call_te(
        forms.pad, data, zero_point, shape_values(padding), primfunc_name_hint="int8_pad"
    )


def _legalize_mean(builder: Any, call: Any) -> Any:
    data, constants = call.args
    _, height, width, _ = _first(call)
    arguments = (height, width), (1, 1)
    return builder.call_te(
        forms.average, data, constants, *arguments, primfunc_name_hint="int8_mean"
    )


def _legalize_average(builder: Any, call: Any) -> Any:
    data, constants, shape = call.args
    numbers = shape_values(shape)
    return builder.call_te(
        forms.average,
        data,
        constants,
        numbers[:2],
        numbers[2:],
        primfunc_name_hint="int8_average",
    )


def _legalize_resize(builder: Any, call: Any) -> Any:
    from tvm import relax

    data, size = call.args
    coordinates: Coordinates = call.attrs["coordinates"]
    tables = (
        relax.const(forms.resize_table(side, wanted, coordinates))
        for side, wanted in zip(_first(call)[1:3], shape_values(size), strict=True)
    )
    return builder.call_te(forms.resize, data, *tables, primfunc_name_hint="int8_resize")


REQUANTIZATIONS = {
    form.__name__ + suffix: Operator("int8", _of_first, _plain(form))
    for form in (forms.requantize, forms.requantize_hswish, forms.requantize_hard_sigmoid)
    for suffix in ("", LEFT)
}
OPERATORS = REQUANTIZATIONS | {
    "quantize": Operator("int8", _of_first, _plain(forms.quantize)),
    "dequantize": Operator("float32", _of_first, _plain(forms.dequantize)),
    "dequantize_sums": Operator("float32", _of_first, _plain(forms.dequantize_sums)),
    "pad": Operator("int8", _padded, _legalize_pad),
    "mean": Operator("int8", _mean, _legalize_mean),
    "average": Operator("int8", _averaged, _legalize_average),
    "gate": Operator("int8", _of_first, _plain(forms.gate)),
    "add": Operator("int8", _of_first, _plain(forms.add)),
    "resize": Operator("int8", _resized, _legalize_resize),
    "lookup": Operator("int8", _of_first, _plain(forms.lookup)),
}

"""The Relax operators that TVM has not: h-swish, hard-sigmoid and a sigmoid, each one operator.

`relax.mnv3gen.hswish` and its like take and return a tensor of any shape. They are registered here
with their type inference and their TE form; as elementwise operators they fuse into the convolution
before them. The hard ones are written as a multiplication by 1/6, so that no division is left in
the machine code: x * clip(x/6 + 1/2, 0, 1) is x * ReLU6(x + 3) / 6 (section 5.2). The sigmoid takes
its exponential from a polynomial, since a bundle has no math library to call.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mnv3gen.lower.exponential import exponential

HSWISH = "relax.mnv3gen.hswish"
HARD_SIGMOID = "relax.mnv3gen.hard_sigmoid"
SIGMOID = "relax.mnv3gen.sigmoid"


@cache
def register() -> None:
    """Make the operators known to TVM; later calls do nothing."""
    from tvm.ir.op import register_op_attr
    from tvm.relax.transform.legalize_ops.common import register_legalize

    for name, compute in FORMS.items():
        register_op_attr(name, "FInferType", lambda call, context: call.args[0].ty)
        register_op_attr(name, "FPurity", True)
        register_legalize(name, _legalization(name, compute))


def call(name: str, argument: Any) -> Any:
    """A Relax call of one of the operators."""
    from tvm import relax
    from tvm.ir import Op

    register()
    return relax.Call(Op.get(name), [argument])


def _legalization(name: str, compute: Any) -> Any:
    hint = name.rsplit(".", 1)[-1]

    def legalize(builder: Any, call: Any) -> Any:
        return builder.call_te(compute, call.args[0], primfunc_name_hint=hint)

    return legalize


def _hard_sigmoid_of(value: Any) -> Any:
    from tvm import tirx

    def constant(number: float) -> Any:
        return tirx.const(number, value.dtype if hasattr(value, "dtype") else "float32")

    scaled = value * constant(1 / 6) + constant(0.5)
    return tirx.max(tirx.min(scaled, constant(1.0)), constant(0.0))


def _hswish(data: Any) -> Any:
    from tvm import te

    def element(*index: Any) -> Any:
        return data(*index) * _hard_sigmoid_of(data(*index))

    return te.compute(data.shape, element, name="hswish")


def _hard_sigmoid(data: Any) -> Any:
    from tvm import te

    return te.compute(
        data.shape, lambda *index: _hard_sigmoid_of(data(*index)), name="hard_sigmoid"
    )


def _sigmoid(data: Any) -> Any:
    from tvm import te, tirx

    one = tirx.const(1.0, data.dtype)
    return te.compute(
        data.shape, lambda *index: one / (one + exponential(-data(*index))), name="sigmoid"
    )


FORMS = {HSWISH: _hswish, HARD_SIGMOID: _hard_sigmoid, SIGMOID: _sigmoid}

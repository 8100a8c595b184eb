"""Group operators into kernels: a convolution with bias, activation and residual is one."""

from __future__ import annotations

from typing import Any

from mnv3gen.compile.passes.integer_patterns import branch_is_used_once, integer_patterns
from mnv3gen.lower import operators

UNARY = ("relax.nn.relu", *operators.FORMS)
ACTIVATIONS = ("relax.nn.relu", "relax.clip", *operators.FORMS)


CONCAT_AT_MOST = 8  # tensors


# What early runtimes for phones fused; h-swish and additions were operators of their own.
FUSED_ALONE = tuple(it for it in ACTIVATIONS if it != operators.HSWISH)


def fuse_kernels(integers: bool = False, apart: bool = False) -> Any:
    """Each match becomes a private function that `main` calls; weights stay arguments.

    The patterns of `integers` need their operators, and cost time to look for. With `apart`,
    h-swish and the addition of a residual are kernels of their own.
    """
    from tvm.relax.transform import FuseOpsByPattern

    operators.register()
    integer = integer_patterns() if integers else ()
    return FuseOpsByPattern(
        [*integer, *(_patterns_apart() if apart else _patterns())], bind_constants=False
    )


def _patterns() -> list[tuple[Any, ...]]:
    """The longest first: of two that match, the first wins."""
    from tvm.relax.dpl import is_op, wildcard

    linear = _convolution()
    return [
        (
            "conv2d_add",
            is_op("relax.add")(linear, wildcard()),
            {"branch": linear},
            _branch_comes_first,
        ),
        *(_activated(activation) for activation in ACTIVATIONS),
        ("conv2d", linear),
        *_others(),
    ]


def _patterns_apart() -> list[tuple[Any, ...]]:
    return [
        *(_activated(activation) for activation in FUSED_ALONE),
        ("conv2d", _convolution()),
        *_others(),
    ]


def _others() -> list[tuple[Any, ...]]:
    from tvm.relax.dpl import is_op, wildcard

    return [
        ("pool", is_op("relax.mean")(wildcard())),
        ("average", is_op("relax.nn.avg_pool2d")(wildcard())),
        ("resize", is_op("relax.image.resize2d")(wildcard(), wildcard())),
        *(("concat", _concat(count)) for count in range(2, CONCAT_AT_MOST + 1)),
        ("gate", is_op("relax.multiply")(wildcard(), wildcard())),
        ("add", is_op("relax.add")(wildcard(), wildcard())),
        ("clip", is_op("relax.clip")(wildcard(), wildcard(), wildcard())),
        ("max", is_op("relax.nn.max_pool2d")(wildcard())),
        ("softmax", is_op("relax.nn.softmax")(wildcard())),
        *(("activation", is_op(name)(wildcard())) for name in UNARY),
    ]


def _activated(activation: str) -> tuple[Any, ...]:
    """A convolution with its activation, if nothing else reads the sums."""
    from tvm.relax.dpl import is_op, wildcard

    linear = _convolution()
    bounds = (wildcard(), wildcard()) if activation == "relax.clip" else ()
    pattern = is_op(activation)(linear, *bounds)
    return "conv2d", pattern, {"branch": linear}, branch_is_used_once


def _concat(count: int) -> Any:
    from tvm.relax.dpl import is_op, is_tuple, wildcard

    return is_op("relax.concat")(is_tuple([wildcard() for _ in range(count)]))


def _convolution() -> Any:
    from tvm.relax.dpl import is_const, is_op, wildcard

    pattern = is_op("relax.nn.conv2d")(wildcard(), is_const())
    return is_op("relax.add")(pattern, is_const())


def _branch_comes_first(context: Any) -> bool:
    """TVM matches additions either way round; fusing the shortcut's convolution would be wrong."""
    from tvm import relax

    first, second = context.matched_expr.args
    if not isinstance(second, relax.Var):
        return False
    branch = context.value_to_bound_var[context.annotated_expr["branch"]]
    return bool(branch.same_as(first)) and branch_is_used_once(context)

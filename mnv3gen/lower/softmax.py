"""Softmax over channels in TE, with our own exponential: a bundle has no math library."""

from __future__ import annotations

from typing import Any

from mnv3gen.lower.exponential import exponential


def legalize_softmax(builder: Any, call: Any) -> Any:
    """The legalization of `relax.nn.softmax` for NHWC, over the last axis."""
    return builder.call_te(softmax, call.args[0], primfunc_name_hint="softmax")


def softmax(data: Any) -> Any:
    """(n, h, w, c) to the same shape; the largest is subtracted: nothing overflows."""
    from tvm import te

    *positions, channels = (int(side) for side in data.shape)
    over = [te.reduce_axis((0, channels), name=name) for name in ("largest", "summed")]
    largest = te.compute(
        positions, lambda *at: te.max(data(*at, over[0]), axis=over[0]), name="largest"
    )
    powers = te.compute(
        data.shape, lambda *at: exponential(data(*at) - largest(*at[:-1])), name="powers"
    )
    total = te.compute(
        positions, lambda *at: te.sum(powers(*at, over[1]), axis=over[1]), name="total"
    )
    return te.compute(data.shape, lambda *at: powers(*at) / total(*at[:-1]), name="softmax")

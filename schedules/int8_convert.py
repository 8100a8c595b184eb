"""Between float32 and int8: the input's quantization, the outputs' way back, borders of float32.

Rounding is to nearest, half to even: a number is added that is so large that the last bit of the
sum is worth 1. There is nothing to choose.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.generate import cover
from mnv3gen.generate.builder import Builder, Index, Value, broadcast, constant
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame
from mnv3gen.generate.integers import is_neon64
from mnv3gen.quantize.forms import TO_NEAREST, TO_NEAREST_BITS
from mnv3gen.targets import Core

VERSION = 1
DTYPE = "int8"

LANES, HALF = 8, 4
LIMIT = 1024.0  # beyond it, int8 is saturated whatever the zero point


def accepts(group: Group, core: Core) -> bool:
    """One of both ways."""
    return [kernel.kind for kernel in group.kernels] in (["quantize"], ["dequantize"])


def space(group: Group, core: Core) -> Space:
    """One point."""
    return {}


def rule(group: Group, core: Core) -> Parameters:
    """Nothing."""
    return {}


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[Any]]]
) -> list[npt.NDArray[Any]]:
    """The factor, and the zero point."""
    factor, zero_point = weights[0]
    return [np.full(1, factor, np.float32), np.full(1, zero_point, np.int32)]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    pointers = frame(builder, group, weights=((1, "float32"), (1, "int32")))
    factor, zero = (builder.load(memory, 0, 1) for memory in pointers.weights)
    (source,), (target,) = pointers.inputs, pointers.outputs

    def converted(at: Index, lanes: int) -> Value:
        data = builder.load(source, at, lanes)
        if kernel.kind == "quantize" and is_neon64(core) and lanes == LANES:
            halves = [builder.load(source, at + it, HALF) for it in (0, HALF)]
            return _quantized_by_neon(halves, factor, zero)
        if kernel.kind == "quantize":
            return _quantized(data, factor, zero, lanes)
        return _dequantized(data, factor, zero, lanes)

    for run in cover.panels(math.prod(kernel.output), LANES, 2):

        def body(index: Index, run: cover.Run = run) -> None:
            start = index * run.size + run.start
            for part in cover.vectors(run.size, LANES):
                at = start + part.offset
                builder.store(target, at, converted(at, part.lanes), part.lanes)

        builder.loop(run.count, body, "round")
    return Generated(builder, pointers)


def _quantized_by_neon(halves: list[Value], factor: Value, zero: Value) -> Value:
    """Of two float32x4: `fcvtns` rounds half to even, saturates, and makes 0 of a NaN."""
    from tvm import tirx

    words = []
    for half in halves:
        product = half * broadcast(factor, HALF)
        whole = _neon("int32x4", "fcvtns.v4i32.v4f32", product)
        words.append(_neon("int32x4", "sqadd.v4i32", whole, broadcast(zero, HALF)))
    narrow = [_neon("int16x4", "sqxtn.v4i16", word) for word in words]
    joined = tirx.Shuffle(narrow, [tirx.const(it, "int32") for it in range(LANES)])
    return _neon("int8x8", "sqxtn.v8i8", joined)


def _neon(dtype: str, name: str, *arguments: Value) -> Value:
    from tvm import tirx

    return tirx.call_llvm_pure_intrin(dtype, f"llvm.aarch64.neon.{name}", *arguments)


def _quantized(data: Value, factor: Value, zero: Value, lanes: int) -> Value:
    from tvm import tirx

    def words(value: int) -> Value:
        return broadcast(tirx.const(value, "int32"), lanes)

    product = data * broadcast(factor, lanes)
    number = tirx.Select(product == product, product, constant(0.0, lanes))
    number = tirx.max(tirx.min(number, constant(LIMIT, lanes)), constant(-LIMIT, lanes))
    bits = tirx.reinterpret(
        "int32" if lanes == 1 else f"int32x{lanes}", number + constant(TO_NEAREST, lanes)
    )
    moved = bits - words(TO_NEAREST_BITS) + broadcast(zero, lanes)
    saturated = tirx.max(tirx.min(moved, words(127)), words(-128))
    return tirx.Cast("int8" if lanes == 1 else f"int8x{lanes}", saturated)


def _dequantized(data: Value, factor: Value, zero: Value, lanes: int) -> Value:
    from tvm import tirx

    whole, real = ("int32", "float32") if lanes == 1 else (f"int32x{lanes}", f"float32x{lanes}")
    difference = tirx.Cast(whole, data) - broadcast(zero, lanes)
    return tirx.Cast(real, difference) * broadcast(factor, lanes)

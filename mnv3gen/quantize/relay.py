"""An int8 network as Relay, in one of two forms; docs/interchange.md says which is for what.

`relay` uses Relay's own quantized operators wherever there are any: what other compilers recognise.
Their rounding is their own, so that each operator may differ from ours by one element's unit.

`exact` computes sums by `qnn.conv2d` and spells out what follows them, the steps of
`arithmetic.py` with the same constants: its elements are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import (
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Node,
    Resize,
)
from mnv3gen.lower.relay import Layout, Printer, RelayModel
from mnv3gen.quantize.arithmetic import (
    FRACTION,
    HALF,
    INTERPOLATION,
    ONE,
    interpolation_weights,
)
from mnv3gen.quantize.constants import HSWISH, INTEGER_FORMS
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized, Scale, sums_name
from mnv3gen.quantize.weights import rounding as rounding_half
from mnv3gen.quantize.weights import weight_scales

Array: TypeAlias = npt.NDArray[Any]
Rounding: TypeAlias = Literal["exact", "relay"]

FAR = 1024.0  # beyond it everything saturates


def to_int8_relay(
    quantized: Quantized, layout: Layout = "NCHW", rounding: Rounding = "exact"
) -> RelayModel:
    """A module whose `main` takes the float32 input with batch 1, then the parameters.

    It returns float32 as the float form does; float nodes are those of `to_relay`.
    """
    printer = (_Exact if rounding == "exact" else _Relays)(quantized, layout)
    for node in quantized.graph.nodes:
        printer.node(node, quantized.weights)
    return printer.model()


class _Integers(Printer):
    """What both forms share. `values` has float tensors, `elements` int8 ones."""

    def __init__(self, quantized: Quantized, layout: Layout) -> None:
        super().__init__(quantized.graph, layout)
        self.quantized = quantized
        self.elements: dict[str, str] = {}

    @property
    def per_channel(self) -> tuple[int, ...]:
        """The shape by which a value a channel is broadcast."""
        return (-1, 1, 1) if self.layout == "NCHW" else (-1,)

    def output(self, name: str) -> str:
        return self.as_float(name)

    def node(self, node: Node, weights: Mapping[str, Array]) -> None:
        if node.name in self.quantized.float_nodes:
            for name in node.inputs:
                self.as_float(name)
            super().node(node, weights)
            return
        inputs = [self.as_int8(name) for name in node.inputs]
        match node:
            case Conv2d():
                made = self.integer_convolution(node, inputs[0])
            case GlobalPool():
                height, width, _ = self.graph.shape(node.inputs[0])
                made = self.mean(node, self.sums(inputs[0]), height * width)
            case AveragePool():
                sums = self.window_sums(node, inputs[0])
                made = self.mean(node, sums, node.window[0] * node.window[1])
            case Gate() | Add():
                made = self.pair(node, inputs)
            case Concat():
                axis = self.layout.index("C")
                made = self.call("concatenate", [self.joined(inputs)], f"axis={axis}")
            case Resize():
                made = self.resized(node, inputs[0])
            case _:
                raise NotImplementedError(f"no integer form of {type(node).__name__}")
        self.lines[-1] += f"  /* {node.name} */"
        leaves = self.quantized.leaves_integers(node.name)
        (self.values if leaves else self.elements)[node.name] = made

    def as_float(self, name: str) -> str:
        """A tensor in float32, made where it is first wanted."""
        if name not in self.values:
            scale = self.quantized.scales[name]
            self.values[name] = self.dequantize(self.elements[name], scale)
        return self.values[name]

    def as_int8(self, name: str) -> str:
        """A tensor's elements, made where they are first wanted."""
        if name not in self.elements:
            self.elements[name] = self.quantize(self.values[name], self.quantized.scales[name])
        return self.elements[name]

    def quantize(self, data: str, scale: Scale) -> str:
        raise NotImplementedError

    def dequantize(self, data: str, scale: Scale) -> str:
        raise NotImplementedError

    def requantize(self, sums: str, conv: Conv2d, constants: ConvolutionConstants) -> str:
        raise NotImplementedError

    def mean(self, node: Node, sums: str, count: int) -> str:
        raise NotImplementedError

    def pair(self, node: Gate | Add, inputs: list[str]) -> str:
        raise NotImplementedError

    def bias(self, constants: ConvolutionConstants) -> Array:
        """What is added to products of elements less their zero point."""
        products = constants.weight.reshape(len(constants.bias), -1).sum(axis=1, dtype=np.int32)
        total: Array = constants.bias + np.int32(constants.pad) * products
        return total

    def integer_convolution(self, conv: Conv2d, data: str) -> str:
        constants = self.quantized.convolution(conv.name)
        source = self.quantized.scales[conv.inputs[0]]
        floats = self.quantized.weights
        scales = weight_scales(
            floats[f"{conv.name}.weight"], floats[f"{conv.name}.bias"], source.scale
        )
        units = np.where(scales > 0, scales, 1).astype(np.float32)
        weight, attributes = self.window_of(conv, constants.weight)
        unit = self.parameter(f"{conv.name}.weight_scale", units)
        words = [data, weight, str(source.zero_point), "0", _float(source.scale), unit]
        sums = self.call("qnn.conv2d", words, f'{attributes}, out_dtype="int32"')
        bias = self.parameter(f"{conv.name}.bias", self.bias(constants))
        sums = self.call("nn.bias_add", [sums, bias], f"axis={self.layout.index('C')}")
        if constants.unit is not None:
            unit = self.parameter(f"{conv.name}.unit", constants.unit.reshape(self.per_channel))
            return self.call("multiply", [self.call("cast", [sums], 'dtype="float32"'), unit])
        made = self.requantize(sums, conv, constants)
        if constants.table is None:
            return made
        table = self.parameter(f"{conv.name}.table", constants.table)
        index = self.call("add", [self.int32(made), "128"])
        return self.call("take", [table, index], 'axis=0, mode="clip"')

    def activated(self, values: str, conv: Conv2d, last: Array) -> str:
        """int16 values of h-swish or of the hard sigmoid, as int32, to elements."""
        power, factor, zero_point = (int(each) for each in last)
        limits = -(HALF // power), (HALF - 1) // power
        inner = self.clip(values, *limits)
        opened = self.call("add", [self.call("multiply", [inner, str(power)]), str(HALF)])
        if conv.activation in HSWISH:
            opened = self.high_product(values, opened)
        return self.narrowed(self.high_product(opened, str(factor)), zero_point)

    def high_product(self, first: str, second: str) -> str:
        product = self.call("add", [self.call("multiply", [first, second]), str(HALF)])
        return self.call("right_shift", [product, "15"])

    def narrowed(self, values: str, zero_point: int) -> str:
        offset = (zero_point << FRACTION) + (1 << FRACTION >> 1)
        moved = self.clip(self.call("add", [values, str(offset)]), -ONE, ONE - 1)
        elements = self.clip(self.call("right_shift", [moved, str(FRACTION)]), -128, 127)
        return self.call("cast", [elements], 'dtype="int8"')

    def sums(self, data: str) -> str:
        """The sums of a map's elements, less nothing, int32."""
        rows = self.layout.index("H")
        attributes = f"axis=[{rows}, {rows + 1}], keepdims=True"
        return self.call("sum", [self.int32(data)], attributes)

    def window_sums(self, pool: AveragePool, data: str) -> str:
        """The sums of each window: a convolution with ones, a channel each."""
        channels = pool.shape[2]
        shape, layout = (channels, 1, *pool.window), "OIHW"
        if self.layout == "NHWC":
            shape, layout = (*pool.window, channels, 1), "HWOI"
        ones = self.parameter(f"{pool.name}.ones", np.ones(shape, np.int8))
        attributes = (
            f"strides={list(pool.strides)}, padding=[0, 0, 0, 0], groups={channels}, "
            f"channels={channels}, kernel_size={list(pool.window)}, "
            f'data_layout="{self.layout}", kernel_layout="{layout}", out_dtype="int32"'
        )
        return self.call("qnn.conv2d", [data, ones, "0", "0", "1f", "1f"], attributes)

    def resized(self, node: Resize, data: str) -> str:
        """Two rows, then two columns of each position, by weights of 7 bits."""
        values = self.int32(data)
        sizes = self.graph.shape(node.inputs[0])
        for number, letter in enumerate("HW"):
            axis = self.layout.index(letter)
            matrix = interpolation_weights(sizes[number], node.shape[number], node.coordinates)
            low = np.argmax(matrix > 0, axis=1)
            high = np.minimum(low + 1, sizes[number] - 1)
            own = matrix[np.arange(len(low)), low]
            shape = [1, 1, 1, 1]
            shape[axis] = -1
            parts = []
            weights = {"low": own, "high": (1 << INTERPOLATION) - own}
            for side, index in {"low": low, "high": high}.items():
                name = f"{node.name}.{letter}.{side}".lower()
                at = self.parameter(name, index.astype(np.int32))
                share = weights[side].astype(np.int32).reshape(shape)
                taken = self.call("take", [values, at], f'axis={axis}, mode="clip"')
                weight = self.parameter(f"{name}_weight", share)
                parts.append(self.call("multiply", [taken, weight]))
            values = self.call("add", parts)
        half = 1 << (2 * INTERPOLATION - 1)
        shifted = self.call("right_shift", [self.call("add", [values, str(half)]), "14"])
        return self.call("cast", [shifted], 'dtype="int8"')

    def int32(self, data: str) -> str:
        return self.call("cast", [data], 'dtype="int32"')

    def clip(self, values: str, low: float, high: float) -> str:
        return self.call("clip", [values], f"a_min={_float(low)}, a_max={_float(high)}")


class _Relays(_Integers):
    """Relay's own operators; scales are those that our shifts and multipliers stand for."""

    def quantize(self, data: str, scale: Scale) -> str:
        words = [data, _float(scale.scale), str(scale.zero_point)]
        return self.call("qnn.quantize", words, 'out_dtype="int8"')

    def dequantize(self, data: str, scale: Scale) -> str:
        words = [data, _float(scale.scale), str(scale.zero_point)]
        return self.call("qnn.dequantize", words, 'out_dtype="float32"')

    def bias(self, constants: ConvolutionConstants) -> Array:
        return super().bias(constants) - rounding_half(constants.shift).astype(np.int32)

    def requantize(self, sums: str, conv: Conv2d, constants: ConvolutionConstants) -> str:
        factors = constants.multiplier * 2.0 ** (-15.0 - constants.shift)
        if conv.activation in INTEGER_FORMS:
            unit = 6.0 * int(constants.last[0]) / ONE
            target, dtype = Scale(unit, 0), "int32"
        else:
            scale = self.quantized.scales[_before_table(self.quantized, conv)]
            unit, target, dtype = scale.scale / 32, scale, "int8"
        scales = self.parameter(f"{conv.name}.scale", (factors * unit).astype(np.float32))
        made = self.requantized(sums, scales, target, dtype, self.layout.index("C"))
        if dtype == "int8":
            return made
        return self.activated(self.clip(made, -ONE, ONE - 1), conv, constants.last)

    def requantized(
        self, sums: str, scale: str, target: Scale, dtype: str, axis: int | None = None
    ) -> str:
        words = [sums, scale, "0", _float(target.scale), str(target.zero_point)]
        place = "" if axis is None else f"axis={axis}, "
        return self.call("qnn.requantize", words, f'{place}out_dtype="{dtype}"')

    def mean(self, node: Node, sums: str, count: int) -> str:
        source = self.quantized.scales[node.inputs[0]]
        centred = self.call("subtract", [sums, str(count * source.zero_point)])
        target = self.quantized.scales[node.name]
        return self.requantized(centred, _float(source.scale / count), target, "int8")

    def pair(self, node: Gate | Add, inputs: list[str]) -> str:
        scales = [self.quantized.scales[name] for name in (*node.inputs, node.name)]
        words = [f"{_float(it.scale)}, {it.zero_point}" for it in scales]
        return self.call(f"qnn.{'mul' if isinstance(node, Gate) else 'add'}", [*inputs, *words])


class _Exact(_Integers):
    """`arithmetic.py`, step by step."""

    def quantize(self, data: str, scale: Scale) -> str:
        product = self.call("multiply", [data, _float(float(scale.inverse))])
        moved = self.call("add", [self.rounded(product), str(scale.zero_point)])
        return self.call("cast", [self.clip(moved, -128, 127)], 'dtype="int8"')

    def rounded(self, values: str) -> str:
        """Floats to the nearest whole numbers, half to even; Relay's `round` goes away from 0."""
        values = self.clip(values, -FAR, FAR)
        floor = self.call("floor", [values])
        part = self.call("subtract", [values, floor])
        whole = self.int32(floor)
        above = self.int32(self.call("greater", [part, "0.5f"]))
        between = self.int32(self.call("equal", [part, "0.5f"]))
        odd = self.call("bitwise_and", [whole, "1"])
        up = self.call("add", [above, self.call("multiply", [between, odd])])
        return self.call("add", [whole, up])

    def dequantize(self, data: str, scale: Scale) -> str:
        difference = self.call("subtract", [self.int32(data), str(scale.zero_point)])
        floats = self.call("cast", [difference], 'dtype="float32"')
        return self.call("multiply", [floats, _float(scale.scale)])

    def requantize(self, sums: str, conv: Conv2d, constants: ConvolutionConstants) -> str:
        values = {"shift": constants.shift, "multiplier": constants.multiplier.astype(np.int32)}
        words = [
            self.parameter(f"{conv.name}.{part}", value.reshape(self.per_channel))
            for part, value in values.items()
        ]
        scaled = self.scaled(sums, *words)
        if conv.activation in INTEGER_FORMS:
            return self.activated(scaled, conv, constants.last)
        return self.narrowed(scaled, int(constants.last[0]))

    def scaled(self, sums: str, shift: str, multiplier: str) -> str:
        shifted = self.clip(self.call("right_shift", [sums, shift]), -ONE, ONE - 1)
        return self.high_product(shifted, multiplier)

    def mean(self, node: Node, sums: str, count: int) -> str:
        constants = self.quantized.vector(node.name)
        factor, offset, shift, multiplier, zero_point = (int(each) for each in constants)
        # The factor is a power of two. A product would be folded into the int16 weights before it.
        moved = self.call("left_shift", [sums, str(factor.bit_length() - 1)])
        total = self.call("add", [moved, str(offset)])
        return self.narrowed(self.scaled(total, str(shift), str(multiplier)), zero_point)

    def pair(self, node: Gate | Add, inputs: list[str]) -> str:
        constants = [int(each) for each in self.quantized.vector(node.name)]
        if isinstance(node, Gate):
            first, second, factor, zero_point = constants
            centred = [self.centred(*it) for it in zip(inputs, (first, second), strict=True)]
            product = self.high_product(self.high_product(*centred), str(factor))
            return self.narrowed(product, zero_point)
        terms = [
            self.high_product(
                self.centred(inputs[at], constants[2 * at]), f"{constants[2 * at + 1]}"
            )
            for at in (0, 1)
        ]
        return self.narrowed(self.clip(self.call("add", terms), -ONE, ONE - 1), constants[4])

    def centred(self, data: str, zero_point: int) -> str:
        difference = self.call("subtract", [self.int32(data), str(zero_point)])
        return self.call("multiply", [difference, "128"])


def _before_table(quantized: Quantized, conv: Conv2d) -> str:
    has_table = quantized.convolution(conv.name).table is not None
    return sums_name(conv.name) if has_table else conv.name


def _float(value: float) -> str:
    """A float32 as Relay's text has it: nine digits are enough to tell them all apart."""
    return f"{np.float32(value):.9g}f"

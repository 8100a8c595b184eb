"""What both forms of an int8 network as Relay share: sums by `qnn.conv2d`, and moving elements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

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
from mnv3gen.lower.relay import Layout, Printer
from mnv3gen.quantize.arithmetic import (
    FRACTION,
    HALF,
    INTERPOLATION,
    ONE,
    interpolation_weights,
)
from mnv3gen.quantize.constants import HSWISH
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized, Scale
from mnv3gen.quantize.weights import weight_scales

Array: TypeAlias = npt.NDArray[Any]


class IntegerPrinter(Printer):
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
        """An output is float32."""
        return self.as_float(name)

    def node(self, node: Node, weights: Mapping[str, Array]) -> None:
        """Print an operator in integers, or as `to_relay` does where it stays in float32."""
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
        """float32 to int8 of that scale."""
        raise NotImplementedError

    def dequantize(self, data: str, scale: Scale) -> str:
        """int8 of that scale to float32."""
        raise NotImplementedError

    def requantize(self, sums: str, conv: Conv2d, constants: ConvolutionConstants) -> str:
        """int32 sums to int8, activated where no table follows."""
        raise NotImplementedError

    def mean(self, node: Node, sums: str, count: int) -> str:
        """int32 sums of so many elements to the int8 elements of their mean."""
        raise NotImplementedError

    def pair(self, node: Gate | Add, inputs: list[str]) -> str:
        """Two int8 tensors multiplied or added."""
        raise NotImplementedError

    def bias(self, constants: ConvolutionConstants) -> Array:
        """What is added to products of elements less their zero point."""
        products = constants.weight.reshape(len(constants.bias), -1).sum(axis=1, dtype=np.int32)
        total: Array = constants.bias + np.int32(constants.pad) * products
        return total

    def integer_convolution(self, conv: Conv2d, data: str) -> str:
        """A convolution to int8 elements, or to float32 where its sums are an output."""
        constants = self.quantized.convolution(conv.name)
        source = self.quantized.scales[conv.inputs[0]]
        floats = self.quantized.weights
        scales = weight_scales(
            floats[f"{conv.name}.weight"], floats[f"{conv.name}.bias"], source.scale
        )
        units = np.where(scales > 0, scales, 1).astype(np.float32)
        weight, attributes = self.window_of(conv, constants.weight)
        unit = self.parameter(f"{conv.name}.weight_scale", units)
        words = [data, weight, str(source.zero_point), "0", relay_float(source.scale), unit]
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
        """The rounded upper half of products of int16 values, `high_product` of `arithmetic.py`."""
        product = self.call("add", [self.call("multiply", [first, second]), str(HALF)])
        return self.call("right_shift", [product, "15"])

    def narrowed(self, values: str, zero_point: int) -> str:
        """32nds of an element to int8 elements, `narrowed` of `arithmetic.py`."""
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
        """The elements as int32."""
        return self.call("cast", [data], 'dtype="int32"')

    def clip(self, values: str, low: float, high: float) -> str:
        """Values limited to a range."""
        return self.call("clip", [values], f"a_min={relay_float(low)}, a_max={relay_float(high)}")


def relay_float(value: float) -> str:
    """A float32 as Relay's text has it: nine digits are enough to tell them all apart."""
    return f"{np.float32(value):.9g}f"

"""An int8 network as Relay, in one of two forms; docs/interchange.md says which is for what.

`relay` uses Relay's own quantized operators wherever there are any: what other compilers recognise.
Their rounding is their own, so that each operator may differ from ours by one element's unit.

`exact` computes sums by `qnn.conv2d` and spells out what follows them, the steps of
`arithmetic.py` with the same constants: its elements are ours.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Add, Conv2d, Gate, Node
from mnv3gen.lower.relay import Layout, RelayModel
from mnv3gen.quantize.arithmetic import ONE
from mnv3gen.quantize.constants import INTEGER_FORMS
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized, Scale, sums_name
from mnv3gen.quantize.relay_printer import IntegerPrinter, relay_float
from mnv3gen.quantize.weights import rounding as rounding_half

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


class _Relays(IntegerPrinter):
    """Relay's own operators; scales are those that our shifts and multipliers stand for."""

    def quantize(self, data: str, scale: Scale) -> str:
        words = [data, relay_float(scale.scale), str(scale.zero_point)]
        return self.call("qnn.quantize", words, 'out_dtype="int8"')

    def dequantize(self, data: str, scale: Scale) -> str:
        words = [data, relay_float(scale.scale), str(scale.zero_point)]
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
        words = [sums, scale, "0", relay_float(target.scale), str(target.zero_point)]
        place = "" if axis is None else f"axis={axis}, "
        return self.call("qnn.requantize", words, f'{place}out_dtype="{dtype}"')

    def mean(self, node: Node, sums: str, count: int) -> str:
        source = self.quantized.scales[node.inputs[0]]
        centred = self.call("subtract", [sums, str(count * source.zero_point)])
        target = self.quantized.scales[node.name]
        return self.requantized(centred, relay_float(source.scale / count), target, "int8")

    def pair(self, node: Gate | Add, inputs: list[str]) -> str:
        scales = [self.quantized.scales[name] for name in (*node.inputs, node.name)]
        words = [f"{relay_float(it.scale)}, {it.zero_point}" for it in scales]
        return self.call(f"qnn.{'mul' if isinstance(node, Gate) else 'add'}", [*inputs, *words])


class _Exact(IntegerPrinter):
    """`arithmetic.py`, step by step."""

    def quantize(self, data: str, scale: Scale) -> str:
        product = self.call("multiply", [data, relay_float(float(scale.inverse))])
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
        return self.call("multiply", [floats, relay_float(scale.scale)])

    def requantize(self, sums: str, conv: Conv2d, constants: ConvolutionConstants) -> str:
        values = {
            "shift": np.maximum(constants.shift, 0),
            "multiplier": constants.multiplier.astype(np.int32),
        }
        if constants.shifts_left:
            values["left"] = np.maximum(-constants.shift, 0)
        words = [
            self.parameter(f"{conv.name}.{part}", value.reshape(self.per_channel))
            for part, value in values.items()
        ]
        scaled = self.scaled(sums, *words)
        if conv.activation in INTEGER_FORMS:
            return self.activated(scaled, conv, constants.last)
        return self.narrowed(scaled, int(constants.last[0]))

    def scaled(self, sums: str, shift: str, multiplier: str, left: str | None = None) -> str:
        shifted = self.clip(self.call("right_shift", [sums, shift]), -ONE, ONE - 1)
        if left is not None:
            shifted = self.clip(self.call("left_shift", [shifted, left]), -ONE, ONE - 1)
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

"""From sums in registers to int8 elements: a convolution's constants, and what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import LEAVES, LEFT, Kernel
from mnv3gen.generate.builder import Index, Memory, Value
from mnv3gen.generate.cover import Lanes
from mnv3gen.generate.integers import UNIT, UNSIGNED, X86, Integers, lanes_of_value
from mnv3gen.quantize.arithmetic import FRACTION, HALF
from mnv3gen.targets import Core

Array = npt.NDArray[Any]

COPIES = 16  # of a number that all channels share: the lanes of the longest vector of int16
ADDED = ("zero0", "factor0", "zero1", "factor1", "sum_offset")
CURVED = ("hswish", "hard_sigmoid")


@dataclass(frozen=True)
class Constants:
    """A convolution's constants as its call has them (docs/quantization.md)."""

    pad: int
    weight: Array
    bias: Array
    shift: Array
    multiplier: Array
    last: Array
    residual: Array | None
    unit: Array | None = None

    @property
    def totals(self) -> Array:
        """The sum of each channel's weights, int32."""
        kept = -1 if self.weight.shape[-1] == len(self.bias) else -2
        axes = tuple(it for it in range(self.weight.ndim) if it != self.weight.ndim + kept)
        return np.asarray(self.weight.sum(axis=axes, dtype=np.int32))


def constants_of(kernel: Kernel, weights: Sequence[Array]) -> Constants:
    """The call's constants by name."""
    pad, rest = (int(weights[0]), weights[1:]) if any(kernel.padding) else (0, weights)
    if LEAVES in kernel.epilogue:
        weight, bias, unit = rest
        none = np.zeros(len(unit), np.int16)
        return Constants(pad, weight, bias.ravel(), none, none, none[:1], None, unit)
    weight, bias, shift, multiplier, last, *residual = rest
    return Constants(
        pad, weight, bias.ravel(), shift, multiplier, last, residual[0] if residual else None
    )


def padded(channels: int) -> int:
    """Channels in whole units."""
    return -(-channels // UNIT) * UNIT


def words_size(channels: int) -> int:
    """Elements of the int32 constants: bias and shift of each channel."""
    return 2 * padded(channels)


def last_array(kernel: Kernel) -> tuple[int, str]:
    """Elements and type of the constants after the words.

    Mostly they are int16: a multiplier a channel, and what all channels share. For sums that become
    float32 they are what these are multiplied by.
    """
    channels = padded(kernel.output[-1])
    if LEAVES in kernel.epilogue:
        return channels, "float32"
    return channels + COPIES * len(_shared_names(kernel)), "int16"


def pack_words(core: Core, constants: Constants) -> Array:
    """Bias and shift, the former without what unsigned activations add to the sums."""
    size = padded(len(constants.bias))
    words = np.zeros((2, size), np.int32)
    words[0, : len(constants.bias)] = constants.bias
    if core.products == "vpdpbusd":
        words[0, : len(constants.bias)] -= UNSIGNED * constants.totals
    words[1, : len(constants.shift)] = shift_sign(core) * constants.shift
    return words.ravel()


def shift_sign(core: Core) -> int:
    """What shifts are multiplied by in memory: ARM shifts right by less than 0."""
    return 1 if core.products in X86 else -1


def pack_last(kernel: Kernel, constants: Constants) -> Array:
    """Multipliers, then each shared number so often as a vector has lanes; or units."""
    if constants.unit is not None:
        units = np.zeros(padded(len(constants.unit)), np.float32)
        units[: len(constants.unit)] = constants.unit
        return units
    multipliers = np.zeros(padded(len(constants.multiplier)), np.int16)
    multipliers[: len(constants.multiplier)] = constants.multiplier
    shared = _shared(kernel, constants)
    numbers = {name: shared[name] for name in _shared_names(kernel)}
    return np.concatenate([multipliers, copies(numbers)])


@dataclass(frozen=True)
class Shared:
    """Numbers that all channels share, from an element of `memory` on, each COPIES times."""

    integers: Integers
    memory: Memory
    at: int
    names: tuple[str, ...]

    def load(self, name: str, lanes: int) -> Value:
        """A number in every lane of an int16 vector."""
        at = self.at + COPIES * self.names.index(name)
        return self.integers.builder.load(self.memory, at, lanes)

    def sum(self, first: Value, second: Value) -> Value:
        """`arithmetic.add` of int8 or int16 vectors."""
        integers, lanes = self.integers, lanes_of_value(first)
        terms = [
            integers.high_product(
                integers.centered(it, self.load(f"zero{number}", lanes)),
                self.load(f"factor{number}", lanes),
            )
            for number, it in enumerate((first, second))
        ]
        return integers.narrowed(integers.saturating_sum(*terms), self.load("sum_offset", lanes))


def copies(numbers: Mapping[str, int]) -> Array:
    """Numbers in their order, as `Shared` reads them."""
    return np.repeat(np.array(list(numbers.values()), np.int16), COPIES)


def addition(constants: Array) -> dict[str, int]:
    """The numbers of `Shared.sum` from the constants of an `add`."""
    zero0, factor0, zero1, factor1, total = (int(value) for value in constants)
    shared = {"zero0": zero0 << 7, "factor0": factor0, "zero1": zero1 << 7}
    return shared | {"factor1": factor1, "sum_offset": offset(total)}


class Requantization:
    """Writes the steps behind a convolution's sums; `words` and `halves` are as packed here."""

    def __init__(self, integers: Integers, kernel: Kernel, words: Memory, halves: Memory) -> None:
        self.integers, self.builder, self.kernel = integers, integers.builder, kernel
        self.words, self.halves = words, halves
        self.size = padded(kernel.output[-1])
        self.shared = Shared(integers, halves, self.size, _shared_names(kernel))

    def bias(self, channel: Index) -> Value:
        """What a vector of sums starts with."""
        return self.builder.load(self.words, channel, self.integers.lanes)

    def numbers(self, total: Value, channel: Index) -> Value:
        """float32 of a vector of sums."""
        from tvm import tirx

        lanes = self.integers.lanes
        unit = self.builder.load(self.halves, channel, lanes)
        return tirx.Cast(f"float32x{lanes}", total) * unit

    def elements(
        self, sums: Sequence[Value], channel: Index, residual: Value | None = None
    ) -> Value:
        """int8 of consecutive vectors of sums; `residual` is what is added, int8."""
        integers, lanes = self.integers, self.integers.lanes * len(sums)
        shifts = [
            self.builder.load(self.words, self.size + channel + it * integers.lanes, integers.lanes)
            for it in range(len(sums))
        ]
        multiplier = self.builder.load(self.halves, channel, lanes)
        left = LEFT in self.kernel.epilogue
        value = self._held(integers.scaled(sums, shifts, multiplier, left))
        value = self._activated(value, lanes)
        value = integers.narrowed(value, self.shared.load("offset", lanes))
        return value if residual is None else self.shared.sum(value, residual)

    def _activated(self, value: Value, lanes: int) -> Value:
        curve = next((name for name in self.kernel.epilogue if name in CURVED), None)
        if curve is None:
            return value
        limits = (self.shared.load(name, lanes) for name in ("low", "high", "power"))
        gate = self.integers.hard_sigmoid(value, *limits)
        if curve == "hswish":
            gate = self.integers.high_product(value, gate)
        return self.integers.high_product(gate, self.shared.load("factor", lanes))

    def _held(self, value: Value) -> Value:
        """In a register, as it is used twice."""
        return self.builder.register(lanes_of_value(value), value, "int16").value


def pieces(width: int, integers: Integers) -> list[Lanes]:
    """How a panel's channels are stored: two units at a time where a vector holds so many."""
    most = 2 * integers.lanes
    whole = [Lanes(at, most) for at in range(0, width - most + 1, most)]
    rest = width - width // most * most
    return [*whole, Lanes(width - rest, rest)] if rest else whole


def offset(zero_point: int) -> int:
    """What `narrowed` adds."""
    return (zero_point << FRACTION) + (1 << FRACTION >> 1)


def _shared_names(kernel: Kernel) -> tuple[str, ...]:
    curve = ("low", "high", "power", "factor") if set(CURVED) & set(kernel.epilogue) else ()
    return (*curve, "offset", *(ADDED if "add" in kernel.epilogue else ()))


def _shared(kernel: Kernel, constants: Constants) -> dict[str, int]:
    *curve, zero_point = (int(value) for value in constants.last)
    shared = {"offset": offset(zero_point)}
    if curve:
        power, factor = curve
        limits = {"low": -(HALF // power), "high": (HALF - 1) // power}
        shared |= {**limits, "power": power, "factor": factor}
    if constants.residual is not None:
        shared |= addition(constants.residual)
    return shared

"""1x1 convolutions of a single pixel, a matrix times a vector: squeeze-and-excite, the classifier.

They wait for their weights, which are read once and in order; stored as float16 they are half of
it. A panel of few registers has several sums for each, so that no sum waits for itself.

Parameters: `vectors`, the most registers of a panel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnv3gen.generate import cost as costs
from mnv3gen.generate.builder import (
    Builder,
    Index,
    Memory,
    Register,
    Value,
    broadcast,
    constant,
    lane,
)
from mnv3gen.generate.cover import Lanes, Run, panels, vectors
from mnv3gen.generate.epilogue import activated
from mnv3gen.generate.group import Generated, Group, Parameters, Space, frame, lanes_of
from mnv3gen.generate.multiply import reads_by_lane
from mnv3gen.targets import Core

VERSION = 1
SHARE_OF_PEAK = 0.7  # with the weights in a cache

SUMS = 8  # at least as many as a core can add up at the same time
STEP = 4  # inputs that are read at a time, where the registers hold the weights of as many


def accepts(group: Group, core: Core) -> bool:
    """One dense convolution that sees nothing but its only pixel."""
    if [kernel.kind for kernel in group.kernels] != ["conv"]:
        return False
    kernel = group.kernels[0]
    single = kernel.input[:2] == kernel.output[:2] == (1, 1)
    return single and kernel.window == 1 and not any(kernel.padding)


def space(group: Group, core: Core) -> Space:
    """Every combination is valid."""
    return {"vectors": (2, 3, 4, 6) if _is_small(core) else (2, 4, 6, 8)}


def rule(group: Group, core: Core) -> Parameters:
    """As many registers as leave room for weights and inputs beside them."""
    return {"vectors": 6 if _is_small(core) else 8}


def cost(group: Group, core: Core) -> float:
    """Its tensors once, its arithmetic at the share of the peak that was measured."""
    return costs.cost(group, core, SHARE_OF_PEAK, costs.tensors(group))


def pack(
    group: Group, core: Core, parameters: Parameters, weights: list[list[npt.NDArray[np.float32]]]
) -> list[npt.NDArray[np.float32]]:
    """Two arrays: panels in the group's storage, and the bias in float32."""
    weight, bias = weights[0]
    matrix = weight.reshape(-1, bias.size)
    runs = _panels(group, core, parameters)
    starts = [(run, start) for run in runs for start in range(run.start, run.stop, run.size)]
    packed = [matrix[:, start : start + run.size].ravel() for run, start in starts]
    return [np.concatenate(packed).astype(group.storage), bias.ravel()]


def generate(group: Group, core: Core, parameters: Parameters, ahead: int) -> Generated:
    """`ahead` has no effect: this kernel waits for memory itself."""
    builder, kernel = Builder(), group.kernels[0]
    depth, channels = kernel.input[-1], kernel.output[-1]
    sizes = ((depth * channels, group.storage), (channels, "float32"))
    pointers = frame(builder, group, weights=sizes)
    weights, bias = pointers.weights
    source, *added = (pointers.inputs[-1 - read] for read in group.reads[0])

    for run in _panels(group, core, parameters):

        def panel(index: Index, run: Run = run) -> None:
            channel = index * run.size + run.start
            parts = vectors(run.size, lanes_of(core))
            product = _Product(builder, source, weights, bias, depth, channel, run.size)
            for part, total in zip(parts, product.sums(parts, core), strict=True):
                at = channel + part.offset
                value = activated(total, kernel.epilogue, part.lanes)
                for tensor in added:
                    value = value + builder.load(tensor, at, part.lanes)
                builder.store(pointers.outputs[0], at, value, part.lanes)

        builder.loop(run.count, panel, "panel")
    return Generated(builder, pointers)


def _is_small(core: Core) -> bool:
    """Whether it is NEON with 16 registers, which LLVM fills by loading ahead."""
    return reads_by_lane(core) and core.vector_registers < 32


def _panels(group: Group, core: Core, parameters: Parameters) -> list[Run]:
    return panels(group.kernels[0].output[-1], lanes_of(core), parameters["vectors"])


@dataclass(frozen=True)
class _Product:
    """The `depth` inputs times the panel of `width` channels that starts at `channel`."""

    builder: Builder
    source: Memory
    weights: Memory
    bias: Memory
    depth: int
    channel: Index
    width: int

    def sums(self, parts: list[Lanes], core: Core) -> list[Value]:
        """With the bias; one value for each part of the panel."""
        builder = self.builder
        size = 1 if _is_small(core) else STEP
        chains = min(size, max(1, SUMS // len(parts)))
        sums = [[builder.register(part.lanes, self._bias(part)) for part in parts]]
        for _ in range(1, chains):
            sums.append([builder.register(p.lanes, constant(0.0, p.lanes)) for p in parts])
        steps, rest = divmod(self.depth, size)

        def step(index: Index) -> None:
            self._multiply(index * size, size, sums, parts, size > 1 and reads_by_lane(core))

        builder.loop(steps, step, "k")
        self._multiply(steps * size, rest, sums, parts, by_lane=False)
        return [_total([chain[number] for chain in sums]) for number in range(len(parts))]

    def _multiply(
        self,
        first: Index,
        count: int,
        sums: list[list[Register]],
        parts: list[Lanes],
        by_lane: bool,
    ) -> None:
        """Add what `count` inputs give, each to another chain of sums."""
        builder = self.builder
        if by_lane:
            inputs = builder.register(count, builder.load(self.source, first, count))
        for number in range(count):
            row = (self.channel * self.depth) + (first + number) * self.width
            for part, total in zip(parts, sums[number % len(sums)], strict=True):
                if by_lane:
                    factor = lane(inputs.value, number, part.lanes)
                else:
                    factor = broadcast(builder.load(self.source, first + number, 1), part.lanes)
                weight = builder.load(self.weights, row + part.offset, part.lanes)
                builder.set(total, total.value + factor * weight)

    def _bias(self, part: Lanes) -> Value:
        return self.builder.load(self.bias, self.channel + part.offset, part.lanes)


def _total(registers: list[Register]) -> Value:
    value = registers[0].value
    for register in registers[1:]:
        value = value + register.value
    return value

"""Bias correction: what int8 shifts a channel's sums by on average is taken off its bias.

Rounded weights and clipped or rounded elements shift the mean of what a channel sums. Layer after
layer, with the layers before corrected already, the mean difference to the float network over
calibration's inputs is measured and subtracted (Nagel et al. 2019, section 4.2, empirically). A
difference d where the activation's slope is a becomes a * d, so the mean is weighted by a^2: of all
shifts that has the least squared error behind the activation. Unweighted, the sums far below 0, of
which h-swish and ReLU leave nothing, decide over those that count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Activation, Conv2d, Graph, Node
from mnv3gen.graph.reference import activate, compute, convolve
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized
from mnv3gen.quantize.reference import elements_of, integer_sums, made_tensors
from mnv3gen.quantize.weights import rounding, weight_scales

Array: TypeAlias = npt.NDArray[Any]
Tensors: TypeAlias = dict[str, Array]

PRIOR = 1.0  # weight of an error of 0: a few elements that pass do not decide alone


def measure_shifts(
    quantized: Quantized,
    inputs: Sequence[npt.NDArray[np.float32]],
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Array]:
    """The weighted mean error (o,) of each convolution's sums, in the float network's units.

    Float nodes have none. All inputs' tensors are kept at once, as long as one is read. `progress`
    is called after each node.
    """
    graph, shifts = quantized.graph, {}
    floats: list[dict[str, Array]] = [{graph.input: data} for data in inputs]
    integers: list[Tensors] = [{graph.input: data} for data in inputs]
    for node, dead in zip(graph.nodes, _last_read(graph), strict=True):
        if isinstance(node, Conv2d) and node.name not in quantized.float_nodes:
            shifts[node.name] = _shift(quantized, node, floats, integers)
            quantized = corrected(quantized, {node.name: shifts[node.name]})
        else:
            for each in floats:
                read = [each[name] for name in node.inputs]
                each[node.name] = compute(node, read, quantized.weights, graph.bn_eps)
        for each in integers:
            each |= made_tensors(quantized, node, {name: each[name] for name in node.inputs})
        for name in dead:
            for each in (*floats, *integers):
                each.pop(name, None)
        progress()
    return shifts


def corrected(quantized: Quantized, shifts: Mapping[str, Array]) -> Quantized:
    """The same network with the shifts taken off the biases; float nodes keep theirs."""
    constants = dict(quantized.constants)
    for name, shift in shifts.items():
        if name in quantized.float_nodes:
            continue
        node = quantized.graph.node(name)
        assert isinstance(node, Conv2d)
        before, unit = quantized.convolution(name), _unit(quantized, node)
        steps = np.rint(np.asarray(shift) / np.where(unit > 0, unit, np.inf))
        bound = np.int64(1) << 30
        bias = before.bias - np.clip(steps, -bound, bound).astype(np.int64)
        constants[name] = replace(before, bias=_int32(before, bias))
    return replace(quantized, constants=constants)


def _int32(constants: ConvolutionConstants, bias: Array) -> Array:
    """The biases, where with them all sums stay inside of int32; the old ones elsewhere."""
    weight = constants.weight.reshape(len(constants.weight), -1).astype(np.int64)
    room = 2**31 - 1 - 128 * np.abs(weight).sum(axis=1)
    return np.where(np.abs(bias) <= room, bias, constants.bias).astype(np.int32)


def _shift(
    quantized: Quantized, conv: Conv2d, floats: list[dict[str, Array]], integers: list[Tensors]
) -> Array:
    """The weighted mean error of a convolution's sums; its float output is added to the tensors."""
    weight, bias = (quantized.weights[f"{conv.name}.{part}"] for part in ("weight", "bias"))
    constants, unit = quantized.convolution(conv.name), _unit(quantized, conv)
    half = rounding(constants.shift)
    errors, total = np.zeros(conv.shape[2]), np.full(conv.shape[2], PRIOR)
    for wanted, found in zip(floats, integers, strict=True):
        sums = convolve(conv, wanted[conv.inputs[0]], weight) + bias
        wanted[conv.name] = activate(conv.activation, sums)
        elements = elements_of(quantized, conv.inputs[0], found[conv.inputs[0]])
        ours = (integer_sums(conv, elements, constants) - half) * unit
        passed = np.square(slope(conv.activation, sums), dtype=np.float64)
        errors += (passed * (ours - sums)).sum(axis=(0, 1))
        total += passed.sum(axis=(0, 1))
    return errors / total


def slope(activation: Activation, sums: Array) -> Array:
    """The derivative of an activation."""
    match activation:
        case "none":
            return np.ones_like(sums)
        case "relu":
            return (sums > 0).astype(sums.dtype)
        case "relu6":
            return ((sums > 0) & (sums < 6)).astype(sums.dtype)
        case "hswish" | "naive_hswish":
            inner = np.where(sums > -3, (2 * sums + 3) / 6, 0)
            return np.where(sums < 3, inner, 1)
        case "hard_sigmoid":
            return (np.abs(sums) < 3) / np.asarray(6, sums.dtype)
        case "sigmoid":
            value = activate("sigmoid", sums)
            return value * (1 - value)


def _unit(quantized: Quantized, conv: Conv2d) -> Array:
    """What one of a channel's sums stands for."""
    scale = quantized.scales[conv.inputs[0]].scale
    weight, bias = (quantized.weights[f"{conv.name}.{part}"] for part in ("weight", "bias"))
    return weight_scales(weight, bias, scale) * scale


def _last_read(graph: Graph) -> list[list[str]]:
    """For each node the tensors that no later one reads."""
    last: dict[str, Node] = {}
    for node in graph.nodes:
        last |= dict.fromkeys((node.name, *node.inputs), node)
    return [[name for name, at in last.items() if at is node] for node in graph.nodes]

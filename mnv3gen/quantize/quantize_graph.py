"""A graph, float weights and ranges to a `Quantized`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

from mnv3gen.errors import InputError, nearest_names
from mnv3gen.graph.graph import Add, AveragePool, Conv2d, Gate, GlobalPool, Graph, Node
from mnv3gen.quantize.constants import (
    add_constants,
    convolution_constants,
    gate_constants,
    mean_constants,
)
from mnv3gen.quantize.folding import fold
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized, sums_name
from mnv3gen.quantize.scales import Range, Scales

Array: TypeAlias = npt.NDArray[Any]


def quantize_graph(
    graph: Graph,
    weights: Mapping[str, Array],
    ranges: Mapping[str, Range],
    float_nodes: Iterable[str] = (),
) -> Quantized:
    """The int8 form of a network.

    `ranges` has (smallest, largest) of each tensor by name, of the input, and of `sums_name(node)`
    before h-swish and the sigmoids: what calibration measures. `float_nodes` stay in float32.
    InputError for an unknown float node, a range that is not finite, and values that int8
    cannot be scaled to.
    """
    graph, weights = fold(graph, weights)
    kept = frozenset(float_nodes)
    check_names(graph, kept)
    scales = Scales(graph, weights, ranges, kept)
    constants: dict[str, ConvolutionConstants | Array] = {}
    for node in scales.nodes:
        made = _constants(node, graph, weights, scales)
        if made is not None:
            constants[node.name] = made
    names = [graph.input, *(node.name for node in graph.nodes)]
    tables = [
        sums_name(node.name)
        for node in scales.nodes
        if isinstance(node, Conv2d) and scales.has_table(node)
    ]
    return Quantized(
        graph=graph,
        weights=weights,
        scales={name: scales.scale(name) for name in (*names, *tables)},
        constants=constants,
        float_nodes=kept,
        raised=scales.raised,
    )


def _constants(
    node: Node, graph: Graph, weights: Mapping[str, Array], scales: Scales
) -> ConvolutionConstants | Array | None:
    sources = [scales.scale(name) for name in node.inputs]
    output = scales.scale(node.name)
    match node:
        case Conv2d():
            return convolution_constants(
                node,
                weights[f"{node.name}.weight"],
                weights[f"{node.name}.bias"],
                sources[0],
                scales.sums(node) if scales.has_table(node) else output,
                output,
                scales.ranges.get(sums_name(node.name), (0.0, 0.0))[1],
                _leaves(node, graph),
            )
        case GlobalPool():
            height, width, _ = graph.shape(node.inputs[0])
            return mean_constants(sources[0], output, height * width)
        case AveragePool():
            return mean_constants(sources[0], output, node.window[0] * node.window[1])
        case Gate():
            return gate_constants(sources[0], sources[1], output)
        case Add():
            return add_constants(sources[0], sources[1], output)
    return None


def _leaves(conv: Conv2d, graph: Graph) -> bool:
    """Whether a convolution's sums are an output of the network, and nothing else."""
    read = any(conv.name in node.inputs for node in graph.nodes)
    return conv.name in graph.outputs and conv.activation == "none" and not read


def check_names(graph: Graph, names: Iterable[str]) -> None:
    """InputError if a name to keep in float32 is of no node."""
    known = {node.name for node in graph.nodes}
    for name in sorted(set(names) - known):
        raise InputError(
            "no such node to keep in float32", found=name, nearest=nearest_names(name, known)
        )

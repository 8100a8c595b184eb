"""int8 networks for tests: ranges of what the float network computes from a random input."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.graph.reference import activate, compute
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.quantize.folding import fold
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantized import Quantized, sums_name
from mnv3gen.tables.network import Network

STEEPER = 50  # times: what float32 makes of one step of int8 is several steps of the output


def quantized_on_random(network: Network, float_nodes: Iterable[str] = ()) -> Quantized:
    """The int8 form with seeded weights, calibrated on one seeded input."""
    graph, weights, ranges = _measured(network)
    return quantize_graph(graph, weights, ranges, float_nodes)


def quantized_steep(network: Network) -> Quantized:
    """The same with every second channel's weights steeper, so that its sums are shifted left."""
    graph, weights, ranges = _measured(network)
    for conv in graph.convolutions:
        weights[f"{conv.name}.weight"][::2] *= STEEPER
    return quantize_graph(graph, weights, ranges)


def _measured(
    network: Network,
) -> tuple[Graph, dict[str, npt.NDArray[np.float32]], dict[str, tuple[float, float]]]:
    graph, weights = fold(expand(network), seeded_weights(expand(network), 0))
    tensors = {graph.input: seeded_input(graph.input_shape, 1)}
    ranges = {graph.input: _range(tensors[graph.input])}
    for node in graph.nodes:
        inputs = [tensors[name] for name in node.inputs]
        if isinstance(node, Conv2d):
            sums = compute(replace(node, activation="none"), inputs, weights, graph.bn_eps)
            ranges[sums_name(node.name)] = _range(sums)
            tensors[node.name] = activate(node.activation, sums)
        else:
            tensors[node.name] = compute(node, inputs, weights, graph.bn_eps)
        ranges[node.name] = _range(tensors[node.name])
    return graph, weights, ranges


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())

"""A network, weights and pictures or their statistics to a `Quantized`: what `compile` calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.graph.graph import Activate, Conv2d, Graph, MaxPool, Softmax
from mnv3gen.graph.model import Model, model_of
from mnv3gen.quantize.bias_correction import corrected, measure_shifts
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.floating import WITH_SUMS
from mnv3gen.quantize.observers import ObserverName
from mnv3gen.quantize.pictures import Pictures
from mnv3gen.quantize.quantize_graph import check_names, quantize_graph
from mnv3gen.quantize.quantized import Quantized, sums_name
from mnv3gen.quantize.statistics_file import Statistics, table_hash, weights_hash
from mnv3gen.tables.network import Network

Array: TypeAlias = npt.NDArray[Any]

DEFAULT: ObserverName = "mse"
CORRECTED = 32  # inputs that biases are corrected with: their tensors are in memory together


def without_integers(graph: Graph) -> list[str]:
    """The operators that no table has, and that have no integer form."""
    return [
        node.name
        for node in graph.nodes
        if isinstance(node, Activate | MaxPool | Softmax)
        or (isinstance(node, Conv2d) and node.along)
    ]


def calibrate(
    network: Network | Model,
    weights: Mapping[str, Array],
    pictures: Pictures,
    observer: ObserverName = DEFAULT,
    progress: Callable[[], None] = lambda: None,
    float_nodes: Iterable[str] = (),
    correct: bool = True,
) -> Statistics:
    """Run the float network over pictures; `pictures.skipped` then names what was unreadable.

    Then, if biases are to be corrected, the int8 network beside it, over `CORRECTED` of them.
    `progress` is called after each picture, and after each node. What has no integer form stays in
    float32. InputError if none could be read.
    """
    graph = model_of(network).graph
    kept = sorted({*float_nodes, *without_integers(graph)})
    check_names(graph, kept)
    ranges, count = measure_ranges(graph, weights, pictures, observer, progress)
    shifts: dict[str, list[float]] = {}
    if correct:
        quantized = quantize_graph(graph, weights, ranges, kept)
        found = measure_shifts(quantized, pictures.sample(CORRECTED), progress)
        shifts = {name: each.tolist() for name, each in found.items()}
    return Statistics(
        network=network.name,
        table=table_hash(network),
        weights=weights_hash(weights),
        observer=observer,
        pictures=count,
        ranges=ranges,
        shifts=shifts,
        float_nodes=kept,
    )


def prepare(
    network: Network | Model,
    weights: Mapping[str, Array],
    statistics: Statistics,
    float_nodes: Iterable[str] = (),
) -> Quantized:
    """The int8 form of a network; its `graph` and `weights` are for `to_relax`.

    `float_nodes` are beside those of the statistics. Then `quantize_module(quantized)` makes the
    module integer. InputError if a tensor has no range or a shift not the right length, and as
    `quantize_graph` raises.
    """
    graph = model_of(network).graph
    sums = (sums_name(it.name) for it in graph.convolutions if it.activation in WITH_SUMS)
    for name in (graph.input, *(node.name for node in graph.nodes), *sums):
        if name not in statistics.ranges:
            raise InputError("the statistics have no such tensor", found=name)
    kept = {*statistics.float_nodes, *float_nodes}
    quantized = quantize_graph(graph, weights, statistics.ranges, kept)
    return corrected(quantized, _shifts(graph, statistics))


def _shifts(graph: Graph, statistics: Statistics) -> dict[str, Array]:
    channels = {conv.name: conv.shape[2] for conv in graph.convolutions}
    for name, each in statistics.shifts.items():
        if channels.get(name) != len(each):
            raise InputError(
                "shifts of a bias that the network does not have",
                place=name,
                found=f"{len(each)} channels",
                expected=f"{channels.get(name, 'no such convolution')}",
            )
    return {name: np.array(each) for name, each in statistics.shifts.items()}

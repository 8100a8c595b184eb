"""A network, weights and pictures or their statistics to a `Quantized`: what `compile` calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.observers import ObserverName
from mnv3gen.quantize.pictures import Pictures
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.statistics_file import Statistics, table_hash, weights_hash
from mnv3gen.tables.network import Network

Array: TypeAlias = npt.NDArray[Any]

DEFAULT: ObserverName = "mse"


def calibrate(
    network: Network,
    weights: Mapping[str, Array],
    pictures: Pictures,
    observer: ObserverName = DEFAULT,
    progress: Callable[[], None] = lambda: None,
) -> Statistics:
    """Run the float network over pictures; `pictures.skipped` then names what was unreadable.

    InputError if none could be read.
    """
    ranges, count = measure_ranges(expand(network), weights, pictures, observer, progress)
    return Statistics(
        network=network.name,
        table=table_hash(network),
        weights=weights_hash(weights),
        observer=observer,
        pictures=count,
        ranges=ranges,
    )


def prepare(
    network: Network,
    weights: Mapping[str, Array],
    statistics: Statistics,
    float_nodes: Iterable[str] = (),
) -> Quantized:
    """The int8 form of a network; its `graph` and `weights` are for `to_relax`.

    Then `quantize_module(quantized)` makes the module integer. InputError if a tensor has no
    range, and as `quantize_graph` raises.
    """
    graph = expand(network)
    for name in (graph.input, *(node.name for node in graph.nodes)):
        if name not in statistics.ranges:
            raise InputError("the statistics have no such tensor", found=name)
    return quantize_graph(graph, weights, statistics.ranges, float_nodes)

"""The ranges that an int8 network has before it learns its own rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.expand import expand
from mnv3gen.images import named
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.observers import ObserverName
from mnv3gen.quantize.statistics_file import Statistics, table_hash, weights_hash
from mnv3gen.tables.network import Network
from mnv3gen.train.data.examples import Examples
from mnv3gen.train.data.pixels import Inputs

OBSERVER: ObserverName = "mse"


def measured(
    network: Network,
    weights: Mapping[str, npt.NDArray[Any]],
    examples: Examples,
    count: int,
    advance: Callable[[], None] = lambda: None,
) -> Statistics:
    """The ranges of a network's tensors on training pictures at equal distances."""
    chosen = np.unique(np.linspace(0, len(examples) - 1, count).round().astype(np.int64))
    preprocess = named(network.conventions.preprocess)
    inputs = Inputs(examples.chosen(chosen), network.height, network.width, preprocess)

    def tensors() -> Iterator[npt.NDArray[np.float32]]:
        for pixels, _ in inputs.chunks():
            yield from inputs.tensors(pixels)

    ranges, seen = measure_ranges(expand(network), weights, tensors(), OBSERVER, advance)
    return Statistics(
        network=network.name,
        table=table_hash(network),
        weights=weights_hash(weights),
        observer=OBSERVER,
        pictures=seen,
        ranges=ranges,
    )

"""Calibration: the float network over pictures, every tensor's range by an observer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.quantize.floating import run_float
from mnv3gen.quantize.folding import fold
from mnv3gen.quantize.observers import MinMax, Observer, ObserverName, observer_of
from mnv3gen.quantize.quantized import sums_name
from mnv3gen.quantize.scales import Range

Array: TypeAlias = npt.NDArray[Any]


def measure_ranges(
    graph: Graph,
    weights: Mapping[str, Array],
    inputs: Iterable[npt.NDArray[np.float32]],
    observer: ObserverName,
    progress: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Range], int]:
    """The ranges that `quantize_graph` takes, and the number of inputs (h, w, c) they are of.

    `progress` is called after each input.
    """
    graph, weights = fold(graph, weights)
    whole = {
        sums_name(node.name)
        for node in graph.nodes
        if isinstance(node, Conv2d) and node.activation != "sigmoid"
    }  # of an argument of h-swish the largest value is what matters
    observers: dict[str, Observer] = {}
    count = 0
    for data in inputs:
        with np.errstate(over="ignore", invalid="ignore"):  # such ranges are refused
            tensors = run_float(graph, weights, data)
        for name, values in tensors.items():
            if name not in observers:
                observers[name] = MinMax() if name in whole else observer_of(observer)
            observers[name].add(values)
        count += 1
        progress()
    return {name: each.range() for name, each in observers.items()}, count

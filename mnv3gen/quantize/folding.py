"""A graph whose convolutions have a bias in place of batch normalization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.lower.fold import folded


def fold(
    graph: Graph, weights: Mapping[str, npt.NDArray[Any]]
) -> tuple[Graph, dict[str, npt.NDArray[np.float32]]]:
    """A graph that computes the same without batch normalization, and its float32 weights."""
    values: dict[str, npt.NDArray[np.float32]] = {}
    for conv in graph.convolutions:
        pair = folded(conv, weights, graph.bn_eps)
        values |= dict(zip((f"{conv.name}.weight", f"{conv.name}.bias"), pair, strict=True))
    nodes = (
        replace(node, batch_norm=False) if isinstance(node, Conv2d) else node
        for node in graph.nodes
    )
    return replace(graph, nodes=tuple(nodes)), values

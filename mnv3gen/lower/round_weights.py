"""Weights rounded to float16 before anything is computed from them.

Lowering and the reference executor are given the same rounded weights, so that a library is held to
the usual tolerance, and what the rounding changes is known by itself. Which kernels a plan makes
has no influence on it: a network computes the same on every target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import WeightsError
from mnv3gen.graph.graph import Conv2d, Graph, Node
from mnv3gen.lower.fold import folded
from mnv3gen.lower.storage import WeightStorage, is_half

LARGEST = float(np.finfo(np.float16).max)


def round_weights(
    graph: Graph, weights: Mapping[str, npt.NDArray[Any]], storage: WeightStorage
) -> tuple[Graph, dict[str, npt.NDArray[Any]]]:
    """A graph and weights in which the convolutions that are stored in float16 are rounded.

    These have a bias in place of batch normalization: what is rounded is what lies in memory, the
    folded weights and biases. WeightsError if one is too large for float16.
    """
    values: dict[str, npt.NDArray[Any]] = dict(weights)
    nodes: list[Node] = []
    for node in graph.nodes:
        if isinstance(node, Conv2d) and is_half(storage, node.depthwise, node.shape):
            pair = folded(node, weights, graph.bn_eps)
            for part, value in zip(("weight", "bias"), pair, strict=True):
                values[f"{node.name}.{part}"] = _rounded(value, f"{node.name}.{part}")
            nodes.append(replace(node, batch_norm=False))
        else:
            nodes.append(node)
    return replace(graph, nodes=tuple(nodes)), values


def _rounded(value: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """As float32 again; the conversion rounds to nearest, ties to even."""
    largest = float(np.abs(value).max())
    if largest > LARGEST:
        raise WeightsError(
            "too large for float16 once batch normalization is folded into it",
            place=name,
            found=f"{largest:g}",
            expected=f"at most {LARGEST:g}, or --weight-storage float32",
        )
    return value.astype(np.float16).astype(np.float32)

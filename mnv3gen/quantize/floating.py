"""The float network as calibration sees it: float32, with what stands before each activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.graph.reference import activate, compute, convolve
from mnv3gen.quantize.quantized import sums_name

Array: TypeAlias = npt.NDArray[Any]

WITH_SUMS = ("hswish", "naive_hswish", "hard_sigmoid", "sigmoid")


def run_float(graph: Graph, weights: Mapping[str, Array], data: Array) -> dict[str, Array]:
    """Every tensor of a folded graph by name, float32, and `sums_name(node)` of `WITH_SUMS`."""
    tensors: dict[str, Array] = {graph.input: data.astype(np.float32)}
    for node in graph.nodes:
        inputs = [tensors[name] for name in node.inputs]
        if isinstance(node, Conv2d) and node.activation in WITH_SUMS:
            sums = convolve(node, inputs[0], weights[f"{node.name}.weight"])
            sums += weights[f"{node.name}.bias"]
            tensors[sums_name(node.name)] = sums
            tensors[node.name] = activate(node.activation, sums)
        else:
            tensors[node.name] = compute(node, inputs, weights, graph.bn_eps)
    return tensors

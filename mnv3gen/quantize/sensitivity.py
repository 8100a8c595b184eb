"""What each node and each tensor of an int8 network loses at the outputs, measured alone.

Two things make the error of an int8 network: a node's own (rounded weights, int16 steps), and the
rounding and clipping of a tensor to int8 between nodes. Each is put alone into the float network,
and what it changes at the outputs is measured. Both are small and nearly independent, so that they
add up: `predicted` is the error of any choice of nodes in float32, without running it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Concat, Graph, Node
from mnv3gen.graph.reference import compute
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.reference import as_float, as_int8, integer_tensors

Array: TypeAlias = npt.NDArray[Any]
Tensors: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class Sensitivity:
    """Powers of errors at the outputs, in parts of the outputs' own; the mean over outputs.

    `nodes` has what each node alone makes, `tensors` what rounding each tensor alone does, the
    input's included. `float_nodes` were in float32 already and make none.
    """

    graph: Graph
    nodes: Mapping[str, float]
    tensors: Mapping[str, float]
    float_nodes: frozenset[str] = frozenset()

    def predicted(self, float_nodes: Iterable[str]) -> float:
        """The error of the network with these nodes in float32, beside those that were."""
        kept = {*self.float_nodes, *float_nodes}
        integer = [node for node in self.graph.nodes if node.name not in kept]
        rounded = {name for node in integer for name in (node.name, *node.inputs)}
        return sum(self.nodes[node.name] for node in integer) + sum(
            self.tensors[name] for name in rounded
        )


def measure_sensitivity(
    quantized: Quantized,
    inputs: Sequence[npt.NDArray[np.float32]],
    progress: Callable[[], None] = lambda: None,
) -> Sensitivity:
    """Put every node and tensor alone in int8; `progress` is called after each of a picture.

    Every measurement runs the part of the network behind it once for each input (h, w, c).
    """
    graph = quantized.graph
    names = [graph.input, *(node.name for node in graph.nodes)]
    nodes: dict[str, list[float]] = {name: [] for name in names}
    tensors: dict[str, list[float]] = {name: [] for name in names}
    for data in inputs:
        floats = float_tensors(quantized, data)
        tensors[graph.input].append(_of_tensor(quantized, floats, graph.input))
        for node in graph.nodes:
            kept = node.name in quantized.float_nodes
            nodes[node.name].append(0.0 if kept else _of_node(quantized, floats, node))
            tensors[node.name].append(
                0.0 if isinstance(node, Concat) else _of_tensor(quantized, floats, node.name)
            )  # what is joined was rounded to the same scale before
            progress()
    del nodes[graph.input]
    return Sensitivity(
        graph=graph,
        nodes={name: float(np.mean(each)) for name, each in nodes.items()},
        tensors={name: float(np.mean(each)) for name, each in tensors.items()},
        float_nodes=quantized.float_nodes,
    )


def float_tensors(quantized: Quantized, data: Array) -> dict[str, Array]:
    """Every tensor of the float network by name, float32."""
    graph = quantized.graph
    tensors: dict[str, Array] = {graph.input: data.astype(np.float32)}
    for node in graph.nodes:
        read = [tensors[name] for name in node.inputs]
        tensors[node.name] = compute(node, read, quantized.weights, graph.bn_eps)
    return tensors


def _of_node(quantized: Quantized, floats: Tensors, node: Node) -> float:
    """The node's own error: of its integers, less that of rounding its inputs and its output."""
    elements = [as_int8(quantized, name, floats[name]) for name in node.inputs]
    made = integer_tensors(quantized, node, elements)[node.name]
    values = [
        as_float(quantized, name, each) for name, each in zip(node.inputs, elements, strict=True)
    ]
    exact = compute(node, values, quantized.weights, quantized.graph.bn_eps)
    if not quantized.leaves_integers(node.name):
        exact = as_float(quantized, node.name, as_int8(quantized, node.name, exact))
    error = as_float(quantized, node.name, made) - exact
    return _at_outputs(quantized, floats, node.name, floats[node.name] + error)


def _of_tensor(quantized: Quantized, floats: Tensors, name: str) -> float:
    if quantized.leaves_integers(name):
        return 0.0
    rounded = as_float(quantized, name, as_int8(quantized, name, floats[name]))
    return _at_outputs(quantized, floats, name, rounded)


def _at_outputs(quantized: Quantized, floats: Tensors, name: str, values: Array) -> float:
    """What another value of a tensor changes, through what reads it."""
    graph = quantized.graph
    changed = {name: values}
    for node in graph.nodes:
        if node.name != name and not changed.keys().isdisjoint(node.inputs):
            read = [changed.get(each, floats[each]) for each in node.inputs]
            changed[node.name] = compute(node, read, quantized.weights, graph.bn_eps)
    return float(
        np.mean([error_power(floats[it], changed.get(it, floats[it])) for it in graph.outputs])
    )


def error_power(wanted: Array, found: Array) -> float:
    """The power of the difference in parts of the first one's; 0 where both are 0."""
    signal = float(np.square(wanted, dtype=np.float64).sum())
    noise = float(np.square(wanted.astype(np.float64) - found).sum())
    return noise / signal if signal else float(noise > 0)

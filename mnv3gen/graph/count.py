"""Parameters, multiply-adds and activation memory of a graph, in all and by table row.

Multiply-adds are those of convolutions and fully connected layers, squeeze-and-excite included,
and nothing else: the rule behind the paper's printed 155M for V3-Large 0.75.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnv3gen.graph.graph import Conv2d, Graph, Node
from mnv3gen.graph.liveness import Interval, peak_alive

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Count:
    """Numbers of parameters (with BN's gamma and beta; and without) and of multiply-adds."""

    params: int = 0
    params_without_bn: int = 0
    madds: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.params + other.params,
            self.params_without_bn + other.params_without_bn,
            self.madds + other.madds,
        )


def count_node(node: Node) -> Count:
    """What one operator holds and computes; only convolutions count."""
    if not isinstance(node, Conv2d):
        return Count()
    height, width, out = node.shape
    weights = out * (node.in_channels // node.groups) * node.kernel**2
    bias = 0 if node.batch_norm else out
    bn = 2 * out if node.batch_norm else 0
    return Count(weights + bias + bn, weights + bias, weights * height * width)


def count(graph: Graph) -> Count:
    """The totals of a graph."""
    return sum(map(count_node, graph.nodes), Count())


def count_rows(graph: Graph, rows: int) -> tuple[Count, ...]:
    """The counts of each of the table's `rows`."""
    counts = [Count()] * rows
    for node in graph.nodes:
        counts[node.row] += count_node(node)
    return tuple(counts)


def activation_bytes(graph: Graph) -> int:
    """The most bytes of fp32 activations alive at one time, input included, nothing fused."""
    return peak_alive(tensor_intervals(graph))


def tensor_intervals(graph: Graph) -> tuple[Interval, ...]:
    """The life of every tensor of a graph, one step a node; outputs live to the end."""
    first = {graph.input: 0} | {node.name: step for step, node in enumerate(graph.nodes)}
    last = dict(first)
    for step, node in enumerate(graph.nodes):
        last.update(dict.fromkeys(node.inputs, step))
    last.update(dict.fromkeys(graph.outputs, len(graph.nodes) - 1))
    return tuple(
        Interval(name, _bytes(graph.shape(name)), first[name], last[name]) for name in first
    )


def _bytes(shape: tuple[int, int, int]) -> int:
    height, width, channels = shape
    return FLOAT_BYTES * height * width * channels

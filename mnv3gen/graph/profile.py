"""Multiply-adds as a profiler of float operations would have them: half of all that it counts.

Inferred, by fitting the printed figures: the multiply-adds of tables 7 and 8 are 0.3% to 5.6% more
than their convolutions, as if TensorFlow's profiler had counted float operations and its total had
been halved. Beside the convolutions it knows h-swish (3 operations an element), the gate's
hard-sigmoid (2), and 1 for each element that is scaled, added, biased or averaged. Batch
normalization is not counted. Segmentation's 2 operations for each element of the full-resolution
output are a fitted constant.
"""

from __future__ import annotations

from math import prod

from mnv3gen.graph.count import count_node
from mnv3gen.graph.graph import Add, AveragePool, Conv2d, Gate, GlobalPool, Graph, Node, Resize

FLOATS = {"hswish": 3, "hard_sigmoid": 2}
"""Float operations of one element's activation; the others compare, or the profiler skips them."""


def profiler_madds(graph: Graph) -> int:
    """Multiply-adds of a graph by the profiler's rule, rounded down."""
    multiply_adds = sum(count_node(node).madds for node in graph.nodes)
    floats = sum(_floats(node, graph) for node in graph.nodes) + _full_resolution_floats(graph)
    return multiply_adds + floats // 2


def hswish_elements(graph: Graph) -> int:
    """How many elements go through h-swish: what the rows of table 5 differ in."""
    return sum(prod(conv.shape) for conv in graph.convolutions if conv.activation == "hswish")


def _floats(node: Node, graph: Graph) -> int:
    """Float operations of a node besides its multiply-adds."""
    elements = prod(node.shape)
    match node:
        case Conv2d():
            bias = 0 if node.batch_norm else 1
            return elements * (bias + FLOATS.get(node.activation, 0))
        case Gate() | Add():
            return elements
        case GlobalPool():
            return prod(graph.shape(node.inputs[0]))
        case AveragePool():
            return elements * prod(node.window)
    return 0


def _full_resolution_floats(graph: Graph) -> int:
    """2 for each logit of a segmentation network (one that resizes), at the size of the input.

    The tables leave that last resize to whoever paints; the paper's figures have it.
    """
    if not any(isinstance(node, Resize) for node in graph.nodes):
        return 0
    height, width, _ = graph.input_shape
    return sum(2 * height * width * graph.shape(name)[2] for name in graph.outputs)

"""A draft to as few nodes as compute the same: scales and activations go into convolutions."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Activate, Conv2d, Node
from mnv3gen.onnx_import.draft import Draft

Weights = dict[str, npt.NDArray[np.float64]]


def simplified(draft: Draft, outputs: list[str]) -> tuple[list[Node], Weights, list[str]]:
    """The nodes that the outputs need, their weights, and the outputs by their new names."""
    work = _Work(draft, outputs)
    work.drop_unread()
    while any(work.merge(node) for node in list(work.nodes.values())):
        pass
    nodes = list(work.nodes.values())
    names = {node.name for node in nodes}
    weights = {key: it for key, it in work.weights.items() if key.rsplit(".", 1)[0] in names}
    return nodes, weights, work.outputs


class _Work:
    """Nodes by the tensors that they make, in order."""

    def __init__(self, draft: Draft, outputs: list[str]) -> None:
        self.nodes = {node.name: node for node in draft.nodes}
        self.weights = dict(draft.weights)
        self.scales = set(draft.scales)
        self.outputs = list(outputs)

    def drop_unread(self) -> None:
        needed = set(self.outputs)
        for node in reversed(list(self.nodes.values())):
            if node.name in needed:
                needed.update(node.inputs)
            else:
                del self.nodes[node.name]

    def merge(self, node: Node) -> bool:
        """Make a node part of a convolution beside it, if it can be; whether it was."""
        if node.name not in self.nodes:
            return False
        if isinstance(node, Activate):
            return self._activation(node)
        if isinstance(node, Conv2d) and node.name in self.scales:
            return self._scale_backward(node) or self._scale_forward(node)
        return False

    def _activation(self, node: Activate) -> bool:
        conv = self._only_read_convolution(node)
        if conv is None:
            return False
        self.nodes[conv.name] = replace(conv, activation=node.activation)
        self.scales.discard(conv.name)
        self._replace(node, conv)
        return True

    def _scale_backward(self, scale: Conv2d) -> bool:
        conv = self._only_read_convolution(scale)
        if conv is None:
            return False
        factor, shift = self._parameters(scale)
        self.weights[f"{conv.name}.weight"] *= factor[:, None, None, None]
        bias = self.weights[f"{conv.name}.bias"]
        self.weights[f"{conv.name}.bias"] = bias * factor + shift
        self.nodes[conv.name] = replace(conv, activation=scale.activation)
        self._replace(scale, conv)
        return True

    def _scale_forward(self, scale: Conv2d) -> bool:
        """Into the one convolution that reads it; padding is zeros after the shift, not before."""
        readers = [node for node in self.nodes.values() if scale.name in node.inputs]
        if len(readers) != 1 or scale.name in self.outputs or scale.activation != "none":
            return False
        (conv,) = readers
        factor, shift = self._parameters(scale)
        if not isinstance(conv, Conv2d) or (any(conv.padding) and np.any(shift)):
            return False
        weight = self.weights[f"{conv.name}.weight"]
        inputs = (-1, 1, 1, 1) if conv.depthwise else (1, -1, 1, 1)
        moved = weight * shift.reshape(inputs)
        self.weights[f"{conv.name}.bias"] = self.weights[f"{conv.name}.bias"] + moved.sum((1, 2, 3))
        self.weights[f"{conv.name}.weight"] = weight * factor.reshape(inputs)
        self.nodes[conv.name] = replace(conv, inputs=scale.inputs)
        del self.nodes[scale.name]
        return True

    def _parameters(self, scale: Conv2d) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return self.weights[f"{scale.name}.weight"].ravel(), self.weights[f"{scale.name}.bias"]

    def _only_read_convolution(self, node: Node) -> Conv2d | None:
        """The linear convolution that makes a node's input, if nothing else reads it."""
        (source,) = node.inputs
        conv = self.nodes.get(source)
        readers = Counter(name for each in self.nodes.values() for name in each.inputs)
        if not isinstance(conv, Conv2d) or conv.activation != "none":
            return None
        return conv if readers[source] == 1 and source not in self.outputs else None

    def _replace(self, node: Node, by: Node) -> None:
        """Let everything that reads a node read another instead."""
        del self.nodes[node.name]
        for name, each in self.nodes.items():
            if node.name in each.inputs:
                inputs = tuple(by.name if it == node.name else it for it in each.inputs)
                self.nodes[name] = replace(each, inputs=inputs)
        self.outputs = [by.name if name == node.name else name for name in self.outputs]

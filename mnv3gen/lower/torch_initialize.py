"""The first weights of a torch module."""

from __future__ import annotations

import torch
from torch import nn

from mnv3gen.graph.graph import Add, Concat, Conv2d, Graph, Resize

PREDICTOR = 0.01  # RetinaNet's, section 4.1, and TensorFlow's for a classifier


def initialize(module: nn.Module, graph: Graph) -> None:
    """Draw the weights of a `GraphModule` by torch's generator: normal, `deviation` wide."""
    state = module.state_dict()
    for conv in graph.convolutions:
        with torch.no_grad():
            state[f"{conv.name}.weight"].normal_(0, deviation(graph, conv))


def deviation(graph: Graph, conv: Conv2d) -> float:
    """That of a convolution's first weights: He's by fan-out, or a predictor's.

    Fan-out is as in TensorFlow's and torchvision's MobileNets: k * k * out / groups. What predicts
    classes or boxes starts with answers near to none: by fan-out, which is small there, the first
    ones would be sure and wrong.
    """
    if conv.name in predictors(graph):
        return PREDICTOR
    fan_out = conv.kernel**2 * conv.shape[2] // conv.groups
    return float((2 / fan_out) ** 0.5)


def predictors(graph: Graph) -> set[str]:
    """Convolutions whose sums are the outputs, or are only added, enlarged or joined to be them."""
    nodes = {node.name: node for node in graph.nodes}
    found, waiting = set(), list(graph.outputs)
    while waiting:
        match nodes.get(waiting.pop()):
            case Conv2d(batch_norm=False, activation="none") as conv:
                found.add(conv.name)
            case Add() | Resize() | Concat() as between:
                waiting += between.inputs
    return found

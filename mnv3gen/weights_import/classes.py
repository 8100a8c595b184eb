"""Background classes: TensorFlow's classifiers have one more class than ImageNet, the first."""

from __future__ import annotations

from dataclasses import replace

from mnv3gen.errors import WeightsError
from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.tables.network import Network
from mnv3gen.weights_import.convolution import SourceConvolution, SourceFile


def without_background(
    file: SourceFile, network: Network, graph: Graph, required: bool
) -> tuple[SourceFile, bool]:
    """The file without its classifier's first class, if it has one class more than the network.

    `required` makes it an error (WeightsError) when there is nothing to drop.
    """
    ours, theirs = _classifier(network, graph), file.convolutions[-1]
    surplus = ours is not None and theirs.shape == (ours.shape[2] + 1, *ours.weight_shape[1:])
    if required and not surplus:
        raise WeightsError(
            "no background class to drop",
            place=file.place,
            found=f"{theirs.name} {list(theirs.shape)}",
            expected=f"{network.classes + 1} classes, one more than {network.name}",
        )
    if not surplus:
        return file, False
    return replace(file, convolutions=(*file.convolutions[:-1], _from_second(theirs))), True


def _classifier(network: Network, graph: Graph) -> Conv2d | None:
    """The last convolution, if it is the network's one output and gives a score for each class."""
    last = graph.convolutions[-1]
    scores = network.rows[last.row].per_class == 1
    return last if scores and graph.outputs == (last.name,) else None


def _from_second(conv: SourceConvolution) -> SourceConvolution:
    bias = None if conv.bias is None else conv.bias[1:]
    return replace(conv, weight=conv.weight[1:], bias=bias)

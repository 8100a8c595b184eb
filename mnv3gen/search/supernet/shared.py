"""`Shared`: one tensor for each parameter of each place, of which a network takes a part.

A layer reads the first channels of its place's weights, and the centre of their windows, as in
once-for-all (Cai et al., 2020): networks of a space learn one set of weights together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, TypeAlias

import torch
from torch import nn

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.lower.torch import GraphModule
from mnv3gen.lower.torch_initialize import deviation
from mnv3gen.search.space import Point, Space

Tensor: TypeAlias = torch.Tensor
Shape: TypeAlias = tuple[int, ...]


class Shared(nn.Module):  # type: ignore[misc]
    """The weights of a space; batch normalization's averages are no part of them."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space
        for name, (shape, spread) in _largest(space).items():
            self.register_parameter(name, nn.Parameter(_initial(name, shape, spread)))

    def network(self, point: Point, dropout: float = 0.0) -> SharedNetwork:
        """The network of a point with its part of the weights."""
        return SharedNetwork(self, point, dropout)


class SharedNetwork:
    """A point's module, which computes with parts of the shared weights.

    Batch normalization's averages are its own, and its decay is that of `module`.
    """

    def __init__(self, shared: Shared, point: Point, dropout: float) -> None:
        self.graph = expand(shared.space.network(point))
        self.module = GraphModule(self.graph, dropout=dropout)
        self.parts = {
            f"{conv.name}.{vector}": _part(shared.get_parameter(name), shape)
            for conv, vector, name, shape in parameters(self.graph, shared.space.labels(point))
        }

    def __call__(self, images: Tensor) -> Tensor:
        """Class scores (n, classes) of images (n, c, h, w)."""
        outputs = torch.func.functional_call(self.module, self.parts, (images,))
        scores: Tensor = outputs[self.graph.outputs[0]].flatten(1).float()
        return scores


def parameters(graph: Graph, labels: list[str]) -> Iterator[tuple[Conv2d, str, str, Shape]]:
    """Each parameter: whose and which it is, the name of the shared one, and its shape."""
    counts: dict[str, int] = {}
    for conv in graph.convolutions:
        place = f"{labels[conv.row]}.{_role(conv)}"
        counts[place] = counts.get(place, 0) + 1
        shared = f"{place}{counts[place]}".replace(".", "_")
        yield conv, "weight", f"{shared}_weight", conv.weight_shape
        for vector in ("bn.weight", "bn.bias") if conv.batch_norm else ("bias",):
            yield conv, vector, f"{shared}_{vector.replace('.', '_')}", (conv.shape[2],)


def _role(conv: Conv2d) -> str:
    """What a convolution is for in its layer; those of one role have parameters of one kind."""
    if conv.depthwise:
        return "depthwise"
    kind = "pointwise" if conv.kernel == 1 else "full"
    last = conv.name.rsplit(".", 1)[-1] if "." in conv.name else kind
    return f"{last}_{conv.activation}{'' if conv.batch_norm else '_biased'}"


def _largest(space: Space) -> dict[str, tuple[Shape, float]]:
    """Every shared parameter, as large as the largest network at its place wants it.

    With the deviation of its first values, which is that of the largest (`lower.torch_initialize`).
    """
    found: dict[str, tuple[Shape, float]] = {}
    for point in _covering(space):
        graph = expand(space.network(point))
        labels = space.labels(point)
        for conv, _, name, shape in parameters(graph, labels):
            known, _ = found.get(name, (shape, 0.0))
            found[name] = tuple(map(max, known, shape)), deviation(graph, conv)
    return found


def _covering(space: Space) -> Iterator[Point]:
    """Points that together have every choice of a block after every width of the one before."""
    widest = tuple(
        max(space.choices(place), key=lambda it: it.layer.out) for place in range(space.places)
    )
    for place in range(space.places):
        before: dict[Any, Any] = {None: None}
        if place:
            before = {it.layer.out: it for it in space.choices(place - 1)}
        for previous, choice in itertools.product(before.values(), space.choices(place)):
            point = list(widest)
            point[place] = choice
            if previous is not None:
                point[place - 1] = previous
            yield tuple(point)


def _initial(name: str, shape: Shape, spread: float) -> Tensor:
    """Normal with a spread for convolutions, 1 for gamma, 0 for what is added."""
    if len(shape) == 4:
        return torch.randn(shape) * spread
    return torch.ones(shape) if name.endswith("bn_weight") else torch.zeros(shape)


def _part(tensor: Tensor, shape: Shape) -> Tensor:
    """The first channels, and the centre of a window."""
    for axis, size in enumerate(shape):
        start = (tensor.shape[axis] - size) // 2 if axis >= 2 else 0
        tensor = tensor.narrow(axis, start, size)
    return tensor.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else tensor

"""A graph as a torch module whose parameters have the weight files' names.

Tensors are NCHW with any batch. Padding is the graph's own, be it lopsided (TensorFlow's SAME).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from mnv3gen.graph.graph import (
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    Node,
    Resize,
    parameter_shapes,
)
from mnv3gen.graph.reference import interpolation
from mnv3gen.lower.torch_initialize import initialize
from mnv3gen.lower.torch_norm import BatchNorm

Tensor: TypeAlias = torch.Tensor


class GraphModule(nn.Module):  # type: ignore[misc]
    """A graph that can be trained.

    ``decay`` is that of batch normalization's averages (0.99 in section 6.1.1), ``dropout`` the
    share of a classifier's features that is dropped in training (1 minus the paper's "dropout of
    0.8"). `state_dict` has the names, the shapes and the order of `parameter_shapes`.
    """

    def __init__(self, graph: Graph, decay: float = 0.99, dropout: float = 0.0) -> None:
        super().__init__()
        self.graph = graph
        self.steps = [(_made(self, node, graph, decay), node) for node in graph.nodes]
        self.last_use = _last_uses(graph)
        self.dropout = dropout
        self.dropped = {
            node.inputs[0]
            for node in graph.convolutions
            if node.name in graph.outputs and node.shape[:2] == (1, 1)
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs by name, NCHW, for images (n, c, h, w) of the graph's input shape."""
        tensors = {self.graph.input: images}
        for step, (compute, node) in enumerate(self.steps):
            result = compute(*(tensors[name] for name in node.inputs))
            if node.name in self.dropped and self.dropout:
                result = functional.dropout(result, self.dropout, self.training)
            tensors[node.name] = result
            for name in self.last_use.get(step, ()):  # a detector holds many; training needs few
                del tensors[name]
        return {name: tensors[name] for name in self.graph.outputs}


class Convolution(nn.Module):  # type: ignore[misc]
    """A convolution with its normalization or bias, and its activation."""

    def __init__(self, conv: Conv2d, size: tuple[int, int], eps: float, decay: float) -> None:
        super().__init__()
        self.conv = conv
        # torch's matrix product is faster than its convolution of one position.
        self.product = (*size, conv.kernel, conv.groups) == (1, 1, 1, 1)
        self.weight = nn.Parameter(torch.empty(conv.weight_shape))
        if conv.batch_norm:
            self.bn = BatchNorm(conv.shape[2], eps, decay)
        else:
            self.register_parameter("bias", nn.Parameter(torch.zeros(conv.shape[2])))
        top, left, bottom, right = conv.padding
        even = top == bottom and left == right
        self.padding = (top, left) if even else (0, 0)
        self.border = None if even else (left, right, top, bottom)

    def forward(self, data: Tensor) -> Tensor:
        """(n, c, h, w) to the node's shape."""
        sums = self._sums(data, None if self.conv.batch_norm else self.bias)
        return activate(self.conv.activation, self.bn(sums) if self.conv.batch_norm else sums)

    def _sums(self, data: Tensor, bias: Tensor | None) -> Tensor:
        conv = self.conv
        if self.product:
            sums = functional.linear(data.flatten(1), self.weight.flatten(1), bias)
            return sums[:, :, None, None]
        if self.border is not None:
            data = functional.pad(data, self.border)
        return functional.conv2d(
            data, self.weight, bias, conv.stride, self.padding, conv.dilation, conv.groups
        )


class _Resized(nn.Module):  # type: ignore[misc]
    """Bilinear interpolation by the reference executor's own matrices."""

    def __init__(self, node: Resize, size: tuple[int, int]) -> None:
        super().__init__()
        for axis, name in enumerate(("rows", "columns")):
            matrix = interpolation(size[axis], node.shape[axis], node.coordinates)
            self.register_buffer(name, torch.from_numpy(matrix).float(), persistent=False)

    def forward(self, data: Tensor) -> Tensor:
        return self.rows.to(data.dtype) @ data @ self.columns.to(data.dtype).T


class _Averaged(nn.Module):  # type: ignore[misc]
    def __init__(self, node: AveragePool) -> None:
        super().__init__()
        self.node = node

    def forward(self, data: Tensor) -> Tensor:
        return functional.avg_pool2d(data, self.node.window, self.node.strides)


class _Plain(nn.Module):  # type: ignore[misc]
    """An operator without parameters."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node

    def forward(self, *inputs: Tensor) -> Tensor:
        match self.node:
            case GlobalPool():
                return inputs[0].mean((2, 3), keepdim=True)
            case Gate():
                return inputs[0] * inputs[1]
            case Add():
                return inputs[0] + inputs[1]
            case Concat():
                return torch.cat(inputs, 1)
        raise NotImplementedError(f"no torch form of {type(self.node).__name__}")


def activate(activation: Activation, data: Tensor) -> Tensor:
    """The non-linearities of section 5.2, of which torch has every one."""
    match activation:
        case "none":
            return data
        case "relu":
            return functional.relu(data)
        case "relu6":
            return functional.relu6(data)
        case "hswish" | "naive_hswish":
            return functional.hardswish(data)
        case "hard_sigmoid":
            return functional.hardsigmoid(data)
        case "sigmoid":
            return torch.sigmoid(data)


def to_torch(
    graph: Graph,
    weights: Mapping[str, npt.NDArray[Any]] | None = None,
    decay: float = 0.99,
    dropout: float = 0.0,
) -> GraphModule:
    """The module of a graph, with such weights, or else freshly initialized ones."""
    module = GraphModule(graph, decay, dropout)
    if weights is None:
        initialize(module, graph)
    else:
        load_arrays(module, weights)
    return module


def load_arrays(module: GraphModule, weights: Mapping[str, npt.NDArray[Any]]) -> None:
    """Give a module the weights by name; all of them are there and fit (`check_weights`)."""
    ours = module.state_dict()
    with torch.no_grad():
        for name in parameter_shapes(module.graph):
            ours[name].copy_(torch.from_numpy(np.array(weights[name], dtype=np.float32)))


def arrays_of(module: GraphModule) -> dict[str, npt.NDArray[np.float32]]:
    """The weights of a module by name, as `save_weights` takes them; copies."""
    state = module.state_dict()
    return {
        name: state[name].detach().cpu().float().numpy().copy()
        for name in parameter_shapes(module.graph)
    }


def _made(module: nn.Module, node: Node, graph: Graph, decay: float) -> nn.Module:
    """The module of a node, placed where its parameters get the names of the weight file."""
    match node:
        case Conv2d():
            made = Convolution(node, graph.shape(node.inputs[0])[:2], graph.bn_eps, decay)
        case Resize():
            made = _Resized(node, graph.shape(node.inputs[0])[:2])
        case AveragePool():
            made = _Averaged(node)
        case _:
            made = _Plain(node)
    *parents, last = node.name.split(".")
    for part in parents:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        module = module._modules[part]
    module.add_module(last, made)
    return made


def _last_uses(graph: Graph) -> dict[int, list[str]]:
    """The tensors that no later step reads, by the step after which that is so."""
    last: dict[str, int] = {}
    for step, node in enumerate(graph.nodes):
        last |= dict.fromkeys(node.inputs, step)
    uses: dict[int, list[str]] = {}
    for name, step in last.items():
        if name not in graph.outputs:
            uses.setdefault(step, []).append(name)
    return uses

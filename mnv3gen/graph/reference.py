"""The reference executor: a graph in plain NumPy, the definition of what is correct.

It runs in float64 with batch normalization as written (not folded), so that it differs from every
compiled form in method and in precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import (
    Activate,
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Coordinates,
    Gate,
    GlobalPool,
    Graph,
    MaxPool,
    Node,
    Resize,
    Softmax,
)

Array: TypeAlias = npt.NDArray[Any]


def run(graph: Graph, weights: Mapping[str, Array], data: Array) -> dict[str, Array]:
    """The outputs of a graph by name, float64 (h, w, c), for an input of shape (h, w, c)."""
    tensors = run_all(graph, weights, data)
    return {name: tensors[name] for name in graph.outputs}


def run_all(graph: Graph, weights: Mapping[str, Array], data: Array) -> dict[str, Array]:
    """Every tensor of a graph by name, the input's included."""
    if data.shape != graph.input_shape:
        raise ValueError(f"input has shape {data.shape}, the graph takes {graph.input_shape}")
    tensors: dict[str, Array] = {graph.input: data.astype(np.float64)}
    for node in graph.nodes:
        inputs = [tensors[name] for name in node.inputs]
        tensors[node.name] = compute(node, inputs, weights, graph.bn_eps)
    return tensors


def compute(node: Node, inputs: list[Array], weights: Mapping[str, Array], bn_eps: float) -> Array:
    """What one node makes of its inputs, in their precision."""
    match node:
        case Conv2d():
            return _convolution(node, inputs[0], weights, bn_eps)
        case GlobalPool():
            return inputs[0].mean(axis=(0, 1), keepdims=True)
        case AveragePool():
            return _average(node, inputs[0])
        case MaxPool():
            return _largest(node, inputs[0])
        case Activate():
            return activate(node.activation, inputs[0])
        case Softmax():
            powers = np.exp(inputs[0] - inputs[0].max(axis=-1, keepdims=True))
            return powers / powers.sum(axis=-1, keepdims=True)
        case Gate():
            return inputs[0] * inputs[1]
        case Concat():
            return np.concatenate(inputs, axis=-1)
        case Resize():
            return _resized(node, inputs[0])
        case Add():
            return inputs[0] + inputs[1]
    raise NotImplementedError(f"the reference executor has no {type(node).__name__}")


def _convolution(conv: Conv2d, data: Array, weights: Mapping[str, Array], bn_eps: float) -> Array:
    sums = convolve(conv, data, weights[f"{conv.name}.weight"].astype(data.dtype))
    if not conv.batch_norm:
        return activate(conv.activation, sums + weights[f"{conv.name}.bias"])
    gamma, beta, mean, variance = (
        weights[f"{conv.name}.bn.{part}"].astype(data.dtype)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return activate(conv.activation, (sums - mean) / np.sqrt(variance + bn_eps) * gamma + beta)


def convolve(conv: Conv2d, data: Array, weight: Array) -> Array:
    """The bare convolution, one shifted product for each tap: (h, w, i) with OIHW to (h, w, o)."""
    top, left, bottom, right = conv.padding
    padded = np.pad(data, ((top, bottom), (left, right), (0, 0)))
    height, width, _ = conv.shape
    down, along = conv.strides
    sums = np.zeros(conv.shape, dtype=data.dtype)
    for row in range(conv.kernel):
        for column in range(conv.kernel):
            y, x = row * conv.dilation, column * conv.dilation
            window = padded[
                y : y + (height - 1) * down + 1 : down,
                x : x + (width - 1) * along + 1 : along,
            ]
            tap = weight[:, :, row, column]
            sums += window * tap[:, 0] if conv.depthwise else window @ tap.T
    return sums


def _average(pool: AveragePool, data: Array) -> Array:
    height, width, _ = pool.shape
    result = np.empty(pool.shape, dtype=data.dtype)
    for row in range(height):
        for column in range(width):
            y, x = row * pool.strides[0], column * pool.strides[1]
            window = data[y : y + pool.window[0], x : x + pool.window[1]]
            result[row, column] = window.mean(axis=(0, 1))
    return result


def _largest(pool: MaxPool, data: Array) -> Array:
    top, left, bottom, right = pool.padding
    padded = np.pad(data, ((top, bottom), (left, right), (0, 0)), constant_values=-np.inf)
    height, width, _ = pool.shape
    down, along = pool.strides
    result = np.full(pool.shape, -np.inf, dtype=data.dtype)
    for row in range(pool.window[0]):
        for column in range(pool.window[1]):
            window = padded[
                row : row + (height - 1) * down + 1 : down,
                column : column + (width - 1) * along + 1 : along,
            ]
            np.maximum(result, window, out=result)
    return result


def _resized(resize: Resize, data: Array) -> Array:
    rows, columns = (
        interpolation(data.shape[axis], resize.shape[axis], resize.coordinates).astype(data.dtype)
        for axis in (0, 1)
    )
    return np.einsum("ah,bw,hwc->abc", rows, columns, data, optimize=True)


def interpolation(size: int, wanted: int, coordinates: Coordinates) -> Array:
    """The matrix (wanted, size) of linear interpolation along one axis."""
    index = np.arange(wanted)
    if coordinates == "align_corners":
        position = index * ((size - 1) / (wanted - 1) if wanted > 1 else 0.0)
    else:
        position = np.clip((index + 0.5) * (size / wanted) - 0.5, 0, size - 1)
    low = np.minimum(np.floor(position).astype(int), size - 1)
    high = np.minimum(low + 1, size - 1)
    matrix = np.zeros((wanted, size))
    np.add.at(matrix, (index, low), 1 - (position - low))
    np.add.at(matrix, (index, high), position - low)
    return matrix


def activate(activation: Activation, data: Array) -> Array:
    """The non-linearities of section 5.2; h-swish is x * ReLU6(x + 3) / 6."""
    match activation:
        case "none":
            return data
        case "relu":
            return np.maximum(data, 0)
        case "relu6":
            return np.clip(data, 0, 6)
        case "hswish" | "naive_hswish":
            return data * np.clip(data + 3, 0, 6) / 6
        case "hard_sigmoid":
            return np.clip(data + 3, 0, 6) / 6
        case "sigmoid":
            return 1 / (1 + np.exp(-data))

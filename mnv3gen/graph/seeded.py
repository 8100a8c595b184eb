"""Seeded random weights and inputs with the statistics of a trained network.

The weights are drawn layer by layer while the seeded input runs through the reference executor, and
batch normalization gets running statistics by the scale of its data, with a spread of their own:
activations neither vanish nor explode, and a wrong folding of BN shows.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.graph.reference import compute, convolve

CLASSIFIER_GAIN = 2.0  # spreads the logits, so that the softmax is not flat
DIGITS = 4  # running statistics are rounded, so that they do not depend on a BLAS's rounding


def seeded_weights(graph: Graph, seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Random float32 parameters by name, the same for the same graph and seed."""
    weights: dict[str, npt.NDArray[np.float32]] = {}
    tensors: dict[str, npt.NDArray[Any]] = {graph.input: seeded_input(graph.input_shape)}
    for node in graph.nodes:
        inputs = [tensors[name] for name in node.inputs]
        if isinstance(node, Conv2d):
            gain = CLASSIFIER_GAIN if node.name in graph.outputs else 1.0
            for part, value in _parameters(node, inputs[0], seed, gain).items():
                weights[f"{node.name}.{part}"] = value.astype(np.float32)
        tensors[node.name] = compute(node, inputs, weights, graph.bn_eps)
    return weights


def seeded_input(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    """Uniform values of mean 0 and variance 1 that a C program makes just as well.

    Value i is ((hash(i) >> 8) / 2**23 - 1) * sqrt(3) with the 32-bit finalizer of MurmurHash3 over
    i + seed * 0x9E3779B9, in float32; the bundle's benchmark.c has the same function.
    """
    start = np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
    with np.errstate(over="ignore"):
        x = np.arange(int(np.prod(shape)), dtype=np.uint32) + start
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        x ^= x >> np.uint32(16)
    unit = (x >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    values: npt.NDArray[np.float32] = unit * np.float32(1.7320508)
    return values.reshape(shape)


def _parameters(
    conv: Conv2d, data: npt.NDArray[Any], seed: int, gain: float
) -> dict[str, npt.NDArray[Any]]:
    """Parameters for which a convolution of `data` has a variance of about gain squared."""
    fan_in = int(np.prod(conv.weight_shape[1:]))
    weight = _random(seed, conv, "weight").standard_normal(conv.weight_shape)
    weight *= gain / float(np.sqrt(fan_in * np.mean(np.square(data)) + 1e-6).round(DIGITS))
    if not conv.batch_norm:
        bias = _random(seed, conv, "bias").standard_normal(conv.shape[2]) * 0.1
        return {"weight": weight, "bias": bias}
    sums = convolve(conv, data, weight.astype(np.float32))
    return {"weight": weight, **_batch_norm(conv, sums, seed)}


def _batch_norm(conv: Conv2d, sums: npt.NDArray[Any], seed: int) -> dict[str, npt.NDArray[Any]]:
    """Normalize by the second moment, of the channel or of its layer, whichever is larger.

    The mean of each channel stays in the data: over a small map it would be this input's own, and
    another input would explode where this one does not.
    """
    channels = conv.shape[2]
    square = np.square(sums, dtype=np.float64).mean(axis=(0, 1))
    square = np.maximum(square, square.mean())
    shift = _random(seed, conv, "bn.running_mean").standard_normal(channels) * 0.2
    spread = _random(seed, conv, "bn.running_var").uniform(0.7, 1.4, channels)
    return {
        "bn.weight": _random(seed, conv, "bn.weight").uniform(0.6, 1.4, channels),
        "bn.bias": _random(seed, conv, "bn.bias").standard_normal(channels) * 0.3,
        "bn.running_mean": (shift * np.sqrt(square)).round(DIGITS),
        "bn.running_var": (square * spread).round(DIGITS),
    }


def _random(seed: int, conv: Conv2d, parameter: str) -> np.random.RandomState:
    """A stream for each parameter; RandomState's streams are promised never to change."""
    digest = hashlib.sha256(f"{seed}/{conv.name}.{parameter}".encode()).digest()
    return np.random.RandomState(np.frombuffer(digest, dtype="<u4"))

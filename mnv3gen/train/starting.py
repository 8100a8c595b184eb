"""Weights to start from: of this network, or of a bigger or a smaller one, as far as they fit.

NetAdapt's proposals go on from the network that they shrink (section 4.2 of the paper). Parameters
are matched by name. Of a layer that is smaller now the first filters are taken; what a layer has
more than its original is initialized as at a fresh start.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mnv3gen.errors import WeightsError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.graph.weights import load_metadata, load_tensors, load_weights, single
from mnv3gen.lower.torch import arrays_of, to_torch
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.train.request import Teacher

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Start:
    """Weights of every parameter, and how many came from the file whole, in part, or not."""

    weights: dict[str, Array]
    whole: int
    cut: int
    fresh: int


def starting_weights(path: Path, network: Network, seed: int = 0) -> Start:
    """A network's weights, taken from a file as far as they fit it.

    WeightsError if the file cannot be read, or if it has no parameter of such a name.
    """
    tensors = {name: single(tensor) for name, tensor in load_tensors(path).items()}
    graph = expand(network)
    torch.manual_seed(seed)
    weights: dict[str, Array] = dict(arrays_of(to_torch(graph)))
    counts = {"whole": 0, "cut": 0, "fresh": 0}
    for name, shape in parameter_shapes(graph).items():
        given = tensors.get(name)
        if given is None or given.ndim != len(shape) or given.dtype != np.float32:
            counts["fresh"] += 1
            continue
        counts["whole" if given.shape == shape else "cut"] += 1
        weights[name] = fitted(given, weights[name])
    if counts["fresh"] == len(weights):
        raise WeightsError(
            "no parameter of this network",
            place=str(path),
            found=", ".join(sorted(tensors)[:3]),
            expected=f"names such as {next(iter(weights))}",
        )
    return Start(weights, **counts)


def fitted(given: Array, fresh: Array) -> Array:
    """The values of `given` where it reaches, those of `fresh` elsewhere, in the latter's shape.

    The other axes of a kernel of another size are centered: a 3x3 window in a 5x5 one.
    """
    result = fresh.copy()
    if given.shape[2:] != fresh.shape[2:]:
        reached = tuple(map(slice, np.minimum(given.shape, fresh.shape)[:2]))
        result[reached] = 0
    sizes = enumerate(zip(given.shape, fresh.shape, strict=True))
    spans = [_spans(axis, have, want) for axis, (have, want) in sizes]
    result[tuple(ours for _, ours in spans)] = given[tuple(theirs for theirs, _ in spans)]
    return result


def _spans(axis: int, have: int, want: int) -> tuple[slice, slice]:
    """What is read of an axis, and where it goes: channels from the first on, windows centered."""
    size = min(have, want)
    starts = ((have - size) // 2, (want - size) // 2) if axis >= 2 else (0, 0)
    first, second = (slice(start, start + size) for start in starts)
    return first, second


def network_of(path: Path) -> tuple[Network, tuple[str, ...]]:
    """The table that a weights file says it is for, and the names of its classes.

    WeightsError for a file that does not say; those that `mnv3gen train` writes do.
    """
    metadata = load_metadata(path)
    if "table" not in metadata:
        raise WeightsError(
            "does not say which network it is for",
            place=str(path),
            expected="a file that `mnv3gen train` wrote, or --network with a name or a table",
        )
    names = json.loads(metadata.get("labels", "[]"))
    return parse(metadata["table"], f"{path}: table"), tuple(map(str, names))


def load_teacher(path: Path, student: Network, share: float) -> Teacher:
    """The teacher that a weights file is; it takes the student's inputs and gives its classes."""
    network, _ = network_of(path)
    ours, theirs = (
        (each.height, each.width, each.channels, each.classes, each.conventions.preprocess)
        for each in (student, network)
    )
    if ours != theirs:
        raise WeightsError(
            "the teacher is of other inputs or classes",
            place=str(path),
            found=theirs,
            expected=f"{ours}: height, width, channels, classes, preprocessing",
        )
    return Teacher(network, load_weights(path, expand(network)), share)

"""A smaller network's weights: the filters of the larger one that matter most, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Concat, Conv2d, Graph
from mnv3gen.search.netadapt.channels import Channels, Group, channels_of
from mnv3gen.tables.network import Network

Array: TypeAlias = npt.NDArray[Any]
Weights: TypeAlias = Mapping[str, Array]
Indices: TypeAlias = npt.NDArray[np.int64]
Importance: TypeAlias = Literal["l1", "l2", "bn-scale"]


def populated(
    weights: Weights, before: Network, after: Network, importance: Importance, seed: int
) -> dict[str, Array]:
    """The weights of `after`, whose operators are those of `before`, from that one's weights.

    Of every group of tensors that got smaller the most important channels are kept, in their order;
    channels that a tensor has more than before, and parameters that are not there, are initialized
    as at a fresh start, from the seed.
    """
    graph, smaller = expand(before), expand(after)
    kept = _kept_channels(graph, smaller, weights, importance, channels_of(graph))
    result = _fresh(smaller, seed)
    for conv in smaller.convolutions:
        own, read = kept[conv.name], kept[conv.inputs[0]]
        for name in result:
            node, _, part = name.partition(f"{conv.name}.")
            if node or not part or "." in part.removeprefix("bn.") or name not in weights:
                continue
            axes = [own]
            if part == "weight":
                single = np.zeros(1, np.int64)
                axes += [single if conv.depthwise else read]
            _copy(weights[name], result[name], axes)
    return result


def scores(graph: Graph, group: Group, weights: Weights, importance: Importance) -> Array:
    """(channels,): the importance of a group's channels, summed over what makes them.

    "l1" and "l2" are norms of the filters with batch normalization folded in; "bn-scale" is the
    absolute gamma, and the "l1" norm where there is no batch normalization.
    """
    total = np.zeros(group.size)
    for conv in group.producers:
        total += _norms(graph, conv, weights, importance)
    return total


def _norms(graph: Graph, conv: Conv2d, weights: Weights, importance: Importance) -> Array:
    filters = weights[f"{conv.name}.weight"].reshape(conv.shape[2], -1).astype(np.float64)
    if conv.batch_norm:
        gamma = weights[f"{conv.name}.bn.weight"].astype(np.float64)
        if importance == "bn-scale":
            return np.asarray(np.abs(gamma))
        variance = weights[f"{conv.name}.bn.running_var"].astype(np.float64)
        filters = filters * (gamma / np.sqrt(variance + graph.bn_eps))[:, None]
    if importance == "l2":
        return np.asarray(np.sqrt((filters**2).sum(1)))
    return np.asarray(np.abs(filters).sum(1))


def _kept_channels(
    graph: Graph, smaller: Graph, weights: Weights, importance: Importance, channels: Channels
) -> dict[str, Indices]:
    """For every tensor the old channel of each new one, -1 for what is new."""
    by_group: dict[Group, Indices] = {}
    kept: dict[str, Indices] = {}
    for name, group in channels.by_tensor.items():
        node = None if name == graph.input else graph.node(name)
        if isinstance(node, Concat):
            starts = np.cumsum([0, *(graph.shape(it)[2] for it in node.inputs[:-1])])
            pairs = zip(node.inputs, starts, strict=True)
            kept[name] = np.concatenate([_moved(kept[it], start) for it, start in pairs])
            continue
        if group not in by_group:
            rank = scores(graph, group, weights, importance)
            by_group[group] = _chosen(rank, smaller.shape(name)[2])
        kept[name] = by_group[group]
    return kept


def _chosen(rank: Array, size: int) -> Indices:
    """The channels of highest rank in their order; where there are to be more, -1 for the rest."""
    if size < len(rank):
        return np.sort(np.argsort(-rank, kind="stable")[:size])
    return np.concatenate([np.arange(len(rank)), np.full(size - len(rank), -1)])


def _moved(indices: Indices, offset: int) -> Indices:
    return np.where(indices < 0, indices, indices + offset)


def _copy(source: Array, target: Array, axes: list[Indices]) -> None:
    """Copy what is there of the source's first axes; the others are as they are."""
    places = [np.flatnonzero(it >= 0) for it in axes]
    chosen = [it[place] for it, place in zip(axes, places, strict=True)]
    target[np.ix_(*places)] = source[np.ix_(*chosen)]


def _fresh(graph: Graph, seed: int) -> dict[str, Array]:
    import torch

    from mnv3gen.lower.torch import arrays_of, to_torch

    torch.manual_seed(seed)
    return dict(arrays_of(to_torch(graph)))

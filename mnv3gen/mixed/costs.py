"""What each part of a network costs in float32 and in int8.

A part is the least that two bundles of the network both compute apart: a convolution, a gate before
it and what else follows it, or several where float32 kernels are fused. Costs are measured in turns
on this machine where it is the target, and else are those of the plan's cost model.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

from mnv3gen.compare.latency import latency_of
from mnv3gen.compare.layers import Part, is_convolution, parts_of
from mnv3gen.compile.bundle import Bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.compile.request import Request
from mnv3gen.execute import host
from mnv3gen.graph.graph import Conv2d, Gate, Graph
from mnv3gen.quantize.quantized import Quantized

Source: TypeAlias = Literal["measured", "modelled"]
ROUNDS = 60
UNITS: dict[Source, str] = {"measured": "ms", "modelled": "vector multiply-adds"}


@dataclass(frozen=True)
class Cost:
    """The nodes of a part, and its cost as float32 and as int8 in the `UNITS` of its source."""

    nodes: tuple[str, ...]
    float32: float
    int8: float


@dataclass(frozen=True)
class Costs:
    """All parts in order, and whether their costs are measured or modelled."""

    source: Source
    parts: tuple[Cost, ...]

    @property
    def unit(self) -> str:
        """What the costs are in."""
        return UNITS[self.source]


def measure_costs(
    request: Request,
    quantized: Quantized,
    observe: Callable[[str], None] = lambda phase: None,
) -> Costs:
    """Compile both forms for the request's target, and time them if it is this machine.

    Raises as `compile_network` and `latency_of` do.
    """
    with tempfile.TemporaryDirectory() as folder:
        bundles = []
        for name, form in (("float32", None), ("int8", quantized)):
            whole = replace(request, quantized=form, verify=False, storage="float32")

            def phase(text: str, name: str = name) -> None:
                observe(f"{name} for costs: {text}")

            bundles.append(compile_network(whole, Path(folder) / name, phase).bundle)
        first, second = bundles
        parts = parts_of(first.manifest, second.manifest)
        nodes = _nodes(quantized.graph, first, parts)
        if all(host.lacks(bundle.machine) is None for bundle in bundles):
            observe("time both in turns")
            pairs = latency_of(first, second, parts, ROUNDS).parts
            source: Source = "measured"
        else:
            pairs = tuple(
                (_modelled(first, it.first), _modelled(second, it.second)) for it in parts
            )
            source = "modelled"
    costs = (Cost(names, *pair) for names, pair in zip(nodes, pairs, strict=True))
    return Costs(source, tuple(costs))


def _modelled(bundle: Bundle, calls: range) -> float:
    return float(sum(bundle.manifest.plan[number].cost for number in calls))


def _nodes(graph: Graph, bundle: Bundle, parts: list[Part]) -> list[tuple[str, ...]]:
    """The nodes of each part: its convolutions by their number, each with what follows it.

    A gate goes with the next convolution, as in `parts_of`.
    """
    gates = [isinstance(node, Gate) for node in graph.nodes]
    convolutions = [at for at, node in enumerate(graph.nodes) if isinstance(node, Conv2d)]
    starts = [at - 1 if at and gates[at - 1] else at for at in convolutions]
    bounds = [0, *starts[1:], len(graph.nodes)]
    names = [tuple(it.name for it in graph.nodes[a:b]) for a, b in pairwise(bounds)]
    found, done = [], 0
    for part in parts:
        computed = (it for number in part.first for it in bundle.manifest.plan[number].computes)
        count = sum(map(is_convolution, computed))
        found.append(tuple(name for each in names[done : done + count] for name in each))
        done += count
    assert done == len(names), "a convolution is in no part"
    return found

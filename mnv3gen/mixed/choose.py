"""The parts of an int8 network to keep in float32: most error for least time, until it is enough.

Which are best is predicted from measured sensitivities, which add up (`sensitivity`); how many are
needed is measured, by running the network that comes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Graph
from mnv3gen.mixed.budget import Budget
from mnv3gen.mixed.costs import Costs
from mnv3gen.quantize.floating import run_float
from mnv3gen.quantize.layer_errors import Errors
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.sensitivity import Sensitivity

Array: TypeAlias = npt.NDArray[Any]
Mixing: TypeAlias = Callable[[Sequence[str]], Quantized]

LEAST_COST = 1e-3  # of all int8 parts: float32 is never taken for free


@dataclass(frozen=True)
class Part:
    """What a part costs and loses; `order` is its place in the order of choice, from 0.

    `loss` is the power at the outputs, in parts of theirs, that the whole int8 network would have
    less if only this part were float32.
    """

    nodes: tuple[str, ...]
    float32_cost: float
    int8_cost: float
    loss: float
    order: int
    kept: bool = False


@dataclass(frozen=True)
class Tried:
    """What was measured of the network with the first `kept` parts of the order in float32."""

    kept: int
    added_cost: float
    agreement: float
    expected_agreement: float
    sqnr_db: float | None


@dataclass(frozen=True)
class Mixed:
    """The choice: parts in the network's order, and what was measured of the network with it.

    `tried` has all networks that were looked at, by the number of parts in float32.
    """

    budget: Budget
    cost_source: str
    cost_unit: str
    parts: tuple[Part, ...]
    pictures: int
    agreement: float
    expected_agreement: float
    sqnr_db: float | None
    tried: tuple[Tried, ...] = ()

    @property
    def float_nodes(self) -> tuple[str, ...]:
        """What stays in float32."""
        return tuple(name for part in self.parts if part.kept for name in part.nodes)

    @property
    def added_cost(self) -> float:
        """What the kept parts cost more than in int8, the conversions around them not counted."""
        return sum(part.float32_cost - part.int8_cost for part in self.parts if part.kept)


def rank(sensitivity: Sensitivity, costs: Costs) -> list[Part]:
    """All parts, best first: each next one is that with the largest gain for its added time.

    The gain is what the predicted error falls by, with those before it in float32 already: a tensor
    stops being rounded when all that make and read it are float32.
    """
    floor = LEAST_COST * sum(part.int8 for part in costs.parts)
    whole = sensitivity.predicted(())
    left, kept = list(costs.parts), set[str]()
    ranked: list[Part] = []
    error = whole
    while left:
        errors = [sensitivity.predicted(kept | set(part.nodes)) for part in left]
        gains = [
            (error - after) / max(part.float32 - part.int8, floor)
            for part, after in zip(left, errors, strict=True)
        ]
        best = int(np.argmax(gains))
        part = left.pop(best)
        alone = whole - sensitivity.predicted(part.nodes)
        ranked.append(Part(part.nodes, part.float32, part.int8, alone, len(ranked)))
        error = errors[best]
        kept |= set(part.nodes)
    return ranked


def choose(
    mixing: Mixing,
    ranked: Sequence[Part],
    costs: Costs,
    budget: Budget,
    inputs: Sequence[npt.NDArray[np.float32]],
    progress: Callable[[], None] = lambda: None,
) -> Mixed:
    """The first parts of the order that are enough, found by halving; each half is measured.

    `mixing` makes the network with some nodes in float32. With all of them it is the float network,
    which meets any budget. Where the inputs are too few to count a share of arg-maxes, the expected
    one decides (`quantize/margins.py`). `progress` is called after each input of a measurement, of
    which there are at most `measurements(parts)`.
    """
    whole = mixing(())
    graph, wanted = whole.graph, _wanted(whole, inputs)
    tried: dict[int, Tried] = {}

    def measure(count: int) -> Errors:
        names = [name for part in ranked[:count] for name in part.nodes]
        quantized, errors = mixing(names), Errors()
        for floats, data in zip(wanted, inputs, strict=True):
            errors.add(quantized, floats, data)
            progress()
        tried[count] = _tried(ranked[:count], errors, graph)
        return errors

    def met(errors: Errors) -> bool:
        counted = budget.counts(errors.positions)
        share = errors.agreement if counted else errors.expected_agreement
        return budget.met(share, errors.outputs(graph).sqnr_db)

    low, high = 0, len(ranked)
    best = measure(0)
    if met(best):
        high = 0
    else:
        best = measure(high)
        while high - low > 1:
            middle = (low + high) // 2
            errors = measure(middle)
            if met(errors):
                high, best = middle, errors
            else:
                low = middle
    chosen = [replace(part, kept=part.order < high) for part in ranked]
    places = {part.nodes: place for place, part in enumerate(costs.parts)}
    return Mixed(
        budget=budget,
        cost_source=costs.source,
        cost_unit=costs.unit,
        parts=tuple(sorted(chosen, key=lambda part: places[part.nodes])),
        pictures=best.pictures,
        agreement=best.agreement,
        expected_agreement=best.expected_agreement,
        sqnr_db=best.outputs(graph).sqnr_db,
        tried=tuple(tried[count] for count in sorted(tried)),
    )


def _tried(kept: Sequence[Part], errors: Errors, graph: Graph) -> Tried:
    return Tried(
        len(kept),
        sum(part.float32_cost - part.int8_cost for part in kept),
        errors.agreement,
        errors.expected_agreement,
        errors.outputs(graph).sqnr_db,
    )


def measurements(parts: int) -> int:
    """How many networks `choose` runs at most."""
    return 2 + max(parts - 1, 0).bit_length()


def _wanted(quantized: Quantized, inputs: Sequence[Array]) -> list[dict[str, Array]]:
    """The float network's outputs."""
    graph = quantized.graph
    tensors = (run_float(graph, quantized.weights, data) for data in inputs)
    return [{name: each[name] for name in graph.outputs} for each in tensors]

"""Whether any network of a space reaches a target, asked before the search begins."""

from __future__ import annotations

from mnv3gen.errors import InputError
from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.search.latency import LatencySource
from mnv3gen.search.predicted import PredictedLatency
from mnv3gen.search.space import Block, Point, Space


def check_target(space: Space, latency: LatencySource, target_ms: float) -> None:
    """InputError if the fastest network of a space is slower than the target.

    From a table or a model that is the fastest of all; where networks are measured, the one of the
    fewest multiply-adds is measured for it.
    """
    point, ms = _fastest(space, latency)
    if ms > target_ms:
        raise InputError(
            "an impossible target",
            place="--target-ms",
            found=f"{target_ms:g} ms",
            expected=f"at least {ms:.4g} ms: the fastest network of {space.name} is "
            f"{ms - target_ms:.4g} ms too slow, {ms / target_ms:.2f} times the target; it is "
            f"{described(point)}",
        )


def excludes_none(space: Space, latency: LatencySource, target_ms: float) -> str:
    """What to say of a target that every network of the space is within; else nothing.

    Asked of a table or a model only.
    """
    if isinstance(latency, PredictedLatency):
        from mnv3gen.search.fast_table import FastTable

        _, ms = FastTable(space, latency.predictor).slowest()
        if ms <= target_ms:
            return f"which excludes none: the slowest network of {space.name} takes {ms:.4g} ms"
    return ""


def _fastest(space: Space, latency: LatencySource) -> tuple[Point, float]:
    if isinstance(latency, PredictedLatency):
        from mnv3gen.search.fast_table import FastTable

        return FastTable(space, latency.predictor).fastest()
    point = smallest(space)
    return point, latency.of(space.network(point)).ms


def smallest(space: Space) -> Point:
    """The point of the fewest multiply-adds that changing one block after the other leads to."""
    point = tuple(
        min(space.choices(place), key=lambda it: (it.layer.out, it.layers, it.layer.kernel))
        for place in range(space.places)
    )
    for place in range(space.places):
        tried = ((*point[:place], choice, *point[place + 1 :]) for choice in space.choices(place))
        point = min(tried, key=lambda it: _madds(space, it))
    return point


def _madds(space: Space, point: Point) -> int:
    return count(expand(space.network(point))).madds


def described(point: Point) -> str:
    """A point on a line."""
    return ", ".join(map(_block, point))


def _block(block: Block) -> str:
    layer = block.layer
    if layer.operator == "tail":
        return f"tail {layer.out}"
    squeeze = " SE" if layer.squeeze else ""
    return f"{layer.operator} {layer.kernel}x{layer.kernel}{squeeze} {layer.out} x{block.layers}"

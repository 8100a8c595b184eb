"""Random networks of a space, compiled and measured whole, beside the sums of their kernels."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnv3gen.measure.network import measure_networks
from mnv3gen.measure.protocol import Protocol
from mnv3gen.measure.seeded_bundle import compiled
from mnv3gen.measure.validate import Comparison

if TYPE_CHECKING:
    from mnv3gen.compile.bundle import Bundle
    from mnv3gen.measure.records import Record
    from mnv3gen.measure.session import Session
    from mnv3gen.search.space import Space
    from mnv3gen.tables.network import Network
    from mnv3gen.targets import Target

GROUP = 9  # networks that take turns with the first, and are on the device at a time
SECONDS, BLOCKS = 0.5, 3  # of each


@dataclass(frozen=True)
class Summary:
    """How far sums of kernels are off: parts of the measured times, and Spearman's correlation."""

    networks: int
    median_error: float
    largest_error: float
    rank_correlation: float


def random_networks(space: Space, count: int, seed: int) -> list[Network]:
    """Distinct networks of a space, named `random_0` and so on; all of them if there are fewer."""
    generator = random.Random(seed)  # noqa: S311 - no secret
    points: dict[Any, None] = {}
    count = min(count, space.size)
    while len(points) < count:
        points[space.random(generator)] = None
    return [space.network(point, f"random_{number}") for number, point in enumerate(points)]


def compile_all(
    networks: Sequence[Network], target: Target, folder: Path, advance: Callable[[], None]
) -> list[Bundle]:
    """Every network's bundle in a folder, without its libraries, which are most of it.

    Nothing is compiled while measuring, and the cache would not keep so many.
    """
    bundles = []
    for number, network in enumerate(networks):
        bundle = compiled(network, target, folder / str(number))
        for library in bundle.folder.glob("lib*"):
            library.unlink()
        bundles.append(bundle)
        advance()
    return bundles


def measure_all(
    bundles: Sequence[Bundle],
    session: Session,
    keep: Callable[[Record], None],
    advance: Callable[[], None],
) -> dict[str, float]:
    """Measure bundles on a device in groups that take turns, and keep their records.

    The first one is in every group. The result is, by name, what a network's time has to be
    multiplied by to be of the device as it was in the first group.
    """
    protocol = Protocol(cpu=session.device.cpu, seconds=SECONDS, blocks=BLOCKS)
    common, others = bundles[0], bundles[1:]
    then: float | None = None
    speeds: dict[str, float] = {}
    for first in range(0, max(len(others), 1), GROUP):
        again, *records = measure_networks(
            session, [common, *others[first : first + GROUP]], protocol
        )
        now = again.times["run"].median_ms
        if then is None:
            then, records = now, [again, *records]
        for record in records:
            keep(record)
            speeds[record.name] = then / now
            advance()
    return speeds


def summarize(comparisons: Sequence[Comparison]) -> Summary:
    """The errors of sums of kernels, without any overhead of calls. At least two networks."""
    predicted = np.array([it.sum_ms for it in comparisons])
    measured = np.array([it.measured_ms for it in comparisons])
    errors = np.abs(predicted / measured - 1)
    return Summary(
        networks=len(comparisons),
        median_error=float(np.median(errors)),
        largest_error=float(errors.max()),
        rank_correlation=float(np.corrcoef(_ranks(predicted), _ranks(measured))[0, 1]),
    )


def _ranks(values: Any) -> Any:
    return np.argsort(np.argsort(values))

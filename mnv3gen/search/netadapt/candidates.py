"""The smallest shrink of every site that a source of latencies says is fast enough."""

from __future__ import annotations

from dataclasses import dataclass

from mnv3gen.errors import NoisyError
from mnv3gen.search.latency import Latency, LatencySource
from mnv3gen.search.netadapt.shrink import Site, smaller
from mnv3gen.tables.network import Network


@dataclass(frozen=True)
class Candidate:
    """A site, the size that it gets, the network and its latency; or why none could be told."""

    site: Site
    size: int
    network: Network
    latency: Latency | None
    reason: str = ""


def candidate(
    network: Network, site: Site, source: LatencySource, most_ms: float, divisor: int
) -> Candidate | None:
    """The largest size of a site with which the network takes at most `most_ms`.

    None if it cannot get so small. Raises as `LatencySource.of`, but for times that are too noisy,
    which give a candidate without a latency.
    """
    options = list(smaller(network, site, divisor))
    try:
        found = _largest(options, source, most_ms)
    except NoisyError as error:
        size, smallest = options[-1]
        return Candidate(site, size, smallest, None, str(error))
    if found is None:
        return None
    (size, shrunk), latency = found
    return Candidate(site, size, shrunk, latency)


Option = tuple[int, Network]


def _largest(
    options: list[Option], source: LatencySource, most_ms: float
) -> tuple[Option, Latency] | None:
    """The first option, of sizes that fall, that is fast enough.

    Predictions are looked at one after the other. What must be compiled is halved instead, as if
    smaller were never slower.
    """
    if source.name == "compile":
        return _halved(options, source, most_ms)
    for option in options:
        latency = source.of(option[1])
        if latency.ms <= most_ms:
            return option, latency
    return None


def _halved(
    options: list[Option], source: LatencySource, most_ms: float
) -> tuple[Option, Latency] | None:
    best: tuple[Option, Latency] | None = None
    low, high = 0, len(options)
    while low < high:
        middle = (low + high) // 2
        latency = source.of(options[middle][1])
        if latency.ms <= most_ms:
            best, high = (options[middle], latency), middle
        else:
            low = middle + 1
    return best

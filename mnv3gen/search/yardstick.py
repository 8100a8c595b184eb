"""A network that was measured when a table's kernels were: it tells then from now.

A table and the finalists of its search are measured at different times, between which a machine's
clock, its temperature and its neighbours change. Measured in turns with the yardstick, a finalist's
ratio to it does not change with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mnv3gen.measure.paired import Paired
from mnv3gen.search.latency import LatencySource
from mnv3gen.tables.network import Network

ROUNDS = 7
MOST_ERROR = 0.01  # standard error of a ratio


class WholeLatency(LatencySource, Protocol):
    """Measures networks whole, also two in turns; see `measured.MeasuredLatency`."""

    def compare(self, before: Network, after: Network, rounds: int, most_error: float) -> Paired:
        """The times of both."""


@dataclass(frozen=True)
class Yardstick:
    """`ms` is the median of its runs when the table was calibrated by it."""

    network: Network
    ms: float

    def milliseconds(self, network: Network, device: WholeLatency) -> float:
        """The milliseconds it would have taken then, by turns of the two now.

        DeviceLostError, and NoisyError for a ratio that stays uncertain.
        """
        return self.ms * device.compare(self.network, network, ROUNDS, MOST_ERROR).ratio


def nearest(
    measured: Sequence[tuple[Network, float | None]], milliseconds: float
) -> Yardstick | None:
    """Of the networks that were measured, the one that took most nearly as long."""
    known = [Yardstick(network, ms) for network, ms in measured if ms is not None]
    return min(known, key=lambda it: abs(it.ms - milliseconds), default=None)

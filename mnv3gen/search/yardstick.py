"""Networks that were measured when a table's kernels were: they tell then from now.

A table and the finalists of its search are measured at different times, between which a machine's
clock, its temperature and its neighbours change. Measured in turns with the yardstick, a finalist's
ratio to it does not change with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from mnv3gen.measure.paired import Paired
from mnv3gen.search.latency import LatencySource
from mnv3gen.tables.network import Network

Known: TypeAlias = Sequence[tuple[Network, float]]
"""Networks and the milliseconds that each took."""

ROUNDS = 7
MOST_ERROR = 0.01  # standard error, as a part of what the known ones took


class WholeLatency(LatencySource, Protocol):
    """Measures networks whole, also in turns; see `measured.MeasuredLatency`."""

    def beside(self, known: Known, network: Network, rounds: int, most_error: float) -> Paired:
        """A network beside some of known milliseconds."""


@dataclass(frozen=True)
class Yardstick:
    """Networks with the medians of their runs when the table was calibrated by them, in ms.

    Several, since each of these medians has an error of its own.
    """

    known: tuple[tuple[Network, float], ...]

    def milliseconds(self, network: Network, device: WholeLatency) -> float:
        """The milliseconds it would have taken then, by turns of all of them now.

        DeviceLostError, and NoisyError for a ratio that stays uncertain.
        """
        return device.beside(self.known, network, ROUNDS, MOST_ERROR).ratio


def yardstick_of(measured: Sequence[tuple[Network, float | None]]) -> Yardstick | None:
    """Of those networks that were measured; None without any."""
    known = tuple((network, ms) for network, ms in measured if ms is not None)
    return Yardstick(known) if known else None

"""Latencies that are sums of a device's kernels, measured or guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mnv3gen.measure.predict import Predictor
from mnv3gen.search.latency import Latency
from mnv3gen.tables.network import Network


@dataclass(frozen=True)
class PredictedLatency:
    """A device's predictor: as "table" without a model of what was not measured."""

    name: Literal["table", "model"]
    predictor: Predictor

    def of(self, network: Network) -> Latency:
        """The prediction; InputError for a kernel that is neither known nor can be guessed."""
        found = self.predictor.predict(network)
        return Latency(
            ms=found.ms,
            interval_ms=found.interval_ms,
            source=self.name,
            guessed=len(found.guessed),
        )

    def close(self) -> None:
        """There is no device to let go of."""

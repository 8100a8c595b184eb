"""Accuracies of a small space whose networks were all evaluated before."""

from __future__ import annotations

from pathlib import Path

from mnv3gen.search.accuracy import Accuracy, Bar
from mnv3gen.search.latency import Latency
from mnv3gen.search.space import Space
from mnv3gen.search.tabulated import read_truth
from mnv3gen.tables.network import Network


class Tabulated:
    """Reads the table of a space."""

    def __init__(self, path: Path, space: Space) -> None:
        self.space, self.truth = space, read_truth(path, space)

    def of(self, number: int, network: Network, bar: Bar) -> Accuracy:
        """The accuracy that the table has."""
        value, _ = self.truth.values[self.space.point(network)]
        return Accuracy(value=value, evaluator="tabulated", images=0, seed=0)

    def latency(self, network: Network) -> Latency:
        """The latency that the table has."""
        _, ms = self.truth.values[self.space.point(network)]
        return Latency(ms=ms, interval_ms=0.0, source="table")

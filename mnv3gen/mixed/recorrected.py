"""The networks that `choose` compares: with biases corrected for what is in float32 in each.

A correction takes off what all errors before a layer make of it on average. With parts of those in
float32 it would take off too much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.quantize.bias_correction import measure_shifts
from mnv3gen.quantize.prepare import prepare
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.statistics_file import Statistics
from mnv3gen.tables.network import Network

Array: TypeAlias = npt.NDArray[Any]


@dataclass
class Recorrected:
    """Makes a network with some nodes in float32 beside those of the statistics.

    Biases are corrected over `inputs` if they are in the statistics; `progress` is called after
    each node of that.
    """

    network: Network
    weights: Mapping[str, Array]
    whole: Statistics
    inputs: Sequence[npt.NDArray[np.float32]]
    progress: Callable[[], None] = lambda: None
    made: dict[frozenset[str], Statistics] = field(default_factory=dict)

    def __call__(self, names: Iterable[str]) -> Quantized:
        """The network."""
        return prepare(self.network, self.weights, self.statistics(names))

    def statistics(self, names: Iterable[str]) -> Statistics:
        """Those of the whole with the nodes named, and the shifts beside them."""
        kept = frozenset({*self.whole.float_nodes, *names})
        if kept not in self.made:
            self.made[kept] = self._measured(sorted(kept))
        return self.made[kept]

    def _measured(self, kept: list[str]) -> Statistics:
        found = replace(self.whole, float_nodes=kept)
        if not self.whole.shifts or kept == self.whole.float_nodes:
            return found
        plain = prepare(self.network, self.weights, replace(found, shifts={}))
        shifts = measure_shifts(plain, self.inputs, self.progress)
        return replace(found, shifts={name: each.tolist() for name, each in shifts.items()})

"""How far the whole int8 network is from the float one, tensor by tensor: the accumulated error."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Graph
from mnv3gen.quantize.floating import run_float
from mnv3gen.quantize.margins import Margins
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.reference import as_float, run_all

Array: TypeAlias = npt.NDArray[Any]


@dataclass
class TensorError:
    """Sums over the elements of a tensor of all pictures: squares, those of the difference, ..."""

    signal: float = 0.0
    other: float = 0.0
    noise: float = 0.0
    product: float = 0.0

    def add(self, wanted: Array, found: Array) -> None:
        """Take the tensors of one more picture."""
        wanted, found = wanted.astype(np.float64).ravel(), found.astype(np.float64).ravel()
        self.signal += float(wanted @ wanted)
        self.other += float(found @ found)
        self.product += float(wanted @ found)
        self.noise += float(np.square(wanted - found).sum())

    @property
    def sqnr_db(self) -> float | None:
        """The power of the float tensor over that of the difference; None if either is 0."""
        return 10 * math.log10(self.signal / self.noise) if self.signal and self.noise else None

    @property
    def cosine(self) -> float | None:
        """Of the angle between the two; None if one is 0."""
        length = math.sqrt(self.signal) * math.sqrt(self.other)
        return self.product / length if length else None


@dataclass
class Errors:
    """By tensor, in the order of the network; and how many arg-maxes of the outputs are the same.

    A position is a pixel of a class map or an anchor's cell, the only one of a classifier.
    """

    tensors: dict[str, TensorError] = field(default_factory=dict)
    pictures: int = 0
    positions: int = 0
    agreeing: int = 0
    margins: dict[str, Margins] = field(default_factory=dict)

    @property
    def agreement(self) -> float:
        """The share of positions whose arg-max is the same."""
        return self.agreeing / self.positions

    @property
    def expected_agreement(self) -> float:
        """The share to be expected of other pictures of the kind, from margins and errors."""
        count = sum(each.count for each in self.margins.values())
        changed = sum(each.changed for each in self.margins.values())
        return 1 - changed / count if count else 1.0

    def add(self, quantized: Quantized, wanted: Mapping[str, Array], data: Array) -> None:
        """Run the int8 network on one more input, whose float tensors are `wanted`."""
        found = run_all(quantized, data)
        for name, values in found.items():
            if name in wanted:
                error = self.tensors.setdefault(name, TensorError())
                error.add(wanted[name], as_float(quantized, name, values))
        for name in quantized.graph.outputs:
            ours = as_float(quantized, name, found[name])
            same = ours.argmax(axis=-1) == wanted[name].argmax(axis=-1)
            self.margins.setdefault(name, Margins()).add(wanted[name], ours)
            self.positions += same.size
            self.agreeing += int(same.sum())
        self.pictures += 1

    def outputs(self, graph: Graph) -> TensorError:
        """The errors of all outputs together, each in parts of its own power."""
        total = TensorError()
        for name in graph.outputs:
            error = self.tensors[name]
            if error.signal:
                total.signal += 1.0
                total.noise += error.noise / error.signal
        return total


def measure_errors(
    quantized: Quantized,
    inputs: Iterable[npt.NDArray[np.float32]],
    progress: Callable[[], None] = lambda: None,
) -> Errors:
    """Run both networks on every input (h, w, c); `progress` is called after each."""
    errors = Errors()
    for data in inputs:
        errors.add(quantized, run_float(quantized.graph, quantized.weights, data), data)
        progress()
    return errors

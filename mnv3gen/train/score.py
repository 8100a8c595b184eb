"""How many pictures a network classifies rightly: a torch module, or anything that gives scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.train.data.pixels import CHUNK, Inputs

Scores: TypeAlias = Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]]
"""Inputs (n, h, w, 3) to class scores (n, classes)."""

FIVE = 5


@dataclass
class Score:
    """Counts over the pictures that could be read; `loss` is the mean cross entropy."""

    pictures: int = 0
    right: int = 0
    in_five: int = 0
    entropy: float = 0.0
    by_class: dict[int, list[int]] = field(default_factory=dict)  # right answers, pictures
    predictions: list[int] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Top-1, a share."""
        return self.right / self.pictures

    @property
    def top5(self) -> float:
        """The share of pictures whose class is among the five best."""
        return self.in_five / self.pictures

    @property
    def loss(self) -> float:
        """The mean cross entropy in nats."""
        return self.entropy / self.pictures

    def add(self, scores: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> None:
        """Count the answers (n, classes) for pictures of these labels (n,).

        Of equal scores the class of the lower number is the answer, as in `top_classes`.
        """
        values = scores.astype(np.float64)
        ranked = np.argsort(-values, axis=1, kind="stable")[:, :FIVE]
        hits = ranked == labels[:, None]
        shifted = values - values.max(axis=1, keepdims=True)
        own = shifted[np.arange(len(labels)), labels]
        self.pictures += len(labels)
        self.right += int(hits[:, 0].sum())
        self.in_five += int(hits.sum())
        self.entropy += float((np.log(np.exp(shifted).sum(axis=1)) - own).sum())
        self.predictions += ranked[:, 0].tolist()
        for label, hit in zip(labels.tolist(), hits[:, 0].tolist(), strict=True):
            counts = self.by_class.setdefault(label, [0, 0])
            counts[0] += hit
            counts[1] += 1


def score(
    inputs: Inputs,
    scores: Scores,
    advance: Callable[[], None] = lambda: None,
    at_once: int = CHUNK,
) -> Score:
    """Ask for the scores of every picture that can be read, so many at a time.

    InputError if there is none.
    """
    found = Score()
    for pixels, labels in inputs.chunks(at_once, advance):
        found.add(scores(inputs.tensors(pixels)), labels)
    return found

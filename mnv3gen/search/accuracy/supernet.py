"""Accuracies by a supernet: a candidate's part of the shared weights, on held-out pictures.

Batch normalization's averages are those of the candidate, over some training pictures.
"""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from mnv3gen.images import named
from mnv3gen.lower.torch_norm import BatchNorm
from mnv3gen.search.accuracy import Accuracy, Bar, EvaluatorSpec
from mnv3gen.search.accuracy.holdout import searched_data
from mnv3gen.search.space import Space
from mnv3gen.search.supernet.shared import SharedNetwork
from mnv3gen.search.supernet.training import load_shared
from mnv3gen.tables.network import Network
from mnv3gen.train.data.examples import Examples
from mnv3gen.train.data.pixels import Inputs

Tensor: TypeAlias = torch.Tensor
CHUNK = 256
CALIBRATION = 512  # training pictures that batch normalization's averages are of
MOST_HELD_OUT = 6000  # pictures that are classified


class Supernet:
    """Reads the trained weights of its folder, see `prepare`."""

    def __init__(self, spec: EvaluatorSpec, space: Space) -> None:
        self.spec, self.space = spec, space
        self.shared = load_shared(Path(spec.folder), space).requires_grad_(False)
        self.data = searched_data(spec.data, spec.images)

    def of(self, number: int, network: Network, bar: Bar) -> Accuracy:
        """The accuracy with the weights as they are; nothing is trained."""
        begun = time.monotonic()
        candidate = self.shared.network(self.space.point(network))
        with torch.no_grad():
            recalibrate(candidate, self._calibration)
            right, images = self._right(candidate)
        return Accuracy(
            value=right / images,
            evaluator="supernet",
            images=images,
            seed=self.spec.seed,
            epochs=self.spec.epochs,
            seconds=round(time.monotonic() - begun, 2),
        )

    def _right(self, candidate: SharedNetwork) -> tuple[int, int]:
        candidate.module.eval()
        pictures, labels = self._held_out
        answers = [candidate(chunk).argmax(1) for chunk in pictures]
        return int((torch.cat(answers) == labels).sum()), len(labels)

    @cached_property
    def _calibration(self) -> list[Tensor]:
        return self._inputs(_some(self.data.train, CALIBRATION))[0]

    @cached_property
    def _held_out(self) -> tuple[list[Tensor], Tensor]:
        return self._inputs(_some(self.data.held_out, MOST_HELD_OUT))

    def _inputs(self, examples: Examples) -> tuple[list[Tensor], Tensor]:
        """Inputs (n, c, h, w) of readable pictures in chunks, and their labels."""
        seed = self.space.seed
        inputs = Inputs(examples, seed.height, seed.width, named(seed.conventions.preprocess))
        chunks, labels = [], []
        for pixels, own in inputs.chunks(CHUNK):
            chunks.append(_images(inputs.tensors(pixels)))
            labels.append(own)
        return chunks, torch.from_numpy(np.concatenate(labels))


def recalibrate(candidate: SharedNetwork, pictures: list[Tensor]) -> None:
    """Make batch normalization's averages the means over all chunks of pictures."""
    candidate.module.train()
    norms = [it for it in candidate.module.modules() if isinstance(it, BatchNorm)]
    for number, chunk in enumerate(pictures):
        for norm in norms:
            norm.decay = number / (number + 1)
        candidate(chunk)


def _images(inputs: npt.NDArray[np.float32]) -> Tensor:
    images = torch.from_numpy(np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)))
    return images.contiguous(memory_format=torch.channels_last)


def _some(examples: Examples, count: int) -> Examples:
    """At most so many, at equal distances."""
    if len(examples) <= count:
        return examples
    return examples.chosen(np.linspace(0, len(examples) - 1, count).round().astype(np.int64))

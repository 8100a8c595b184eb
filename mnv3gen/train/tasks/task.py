"""`Task`: what differs between classifiers, segmentations and detectors in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from mnv3gen.graph.graph import Graph
from mnv3gen.tables.network import Network
from mnv3gen.train.data.batches import Share
from mnv3gen.train.recipe import Recipe

Tensor: TypeAlias = torch.Tensor
Outputs: TypeAlias = Mapping[str, Tensor]
"""A module's outputs by name, NCHW."""
Compute: TypeAlias = Callable[[npt.NDArray[np.float32]], Mapping[str, npt.NDArray[np.float32]]]
"""Inputs (n, h, w, c) to outputs by name, NHWC."""


class Batch(Protocol):
    """Inputs with what should come out."""

    @property
    def images(self) -> Tensor:
        """Inputs (n, c, h, w)."""

    def to(self, device: Any, memory_format: Any) -> Batch:
        """The same on a device."""

    def __len__(self) -> int:
        """The number of pictures."""


class Batches(Protocol):
    """The batches of a run; ``batch`` is of all processes together."""

    batch: int
    skipped: set[str]

    def __len__(self) -> int:
        """Batches of an epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Generator[Any, None, None]:
        """The batches of an epoch, from one of them on."""


@dataclass(frozen=True)
class Evaluation:
    """What held-out data say: a quality (a share) and a loss, and what could not be read."""

    quality: float
    loss: float
    skipped: tuple[str, ...] = ()


class Task(ABC):
    """A kind of learning. ``metric`` is the name of what `evaluate` gives as quality."""

    metric: str

    def __init__(self, network: Network, graph: Graph, data: Any) -> None:
        self.network, self.graph, self.data = network, graph, data

    @abstractmethod
    def check(self) -> None:
        """Raise InputError if the data do not fit the network."""

    @abstractmethod
    def batches(self, recipe: Recipe, seed: int, share: Share, workers: int) -> Batches:
        """The training batches."""

    @abstractmethod
    def loss(self, outputs: Outputs, batch: Any, recipe: Recipe) -> Tensor:
        """The mean loss of a batch."""

    @abstractmethod
    def right(self, outputs: Outputs, batch: Any) -> float:
        """The number of pictures' worth of right answers in a batch."""

    @abstractmethod
    def evaluate(self, compute: Compute) -> Evaluation:
        """How good a network is on held-out data."""

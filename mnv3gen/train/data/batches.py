"""Training batches: shuffled, shared between processes, changed at random, and repeatable.

Which pictures are in batch b of epoch e, and what is done to them, follows from the seed, e and b
alone: a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch

from mnv3gen.errors import InputError
from mnv3gen.images.preprocess import Preprocess
from mnv3gen.train.data.ahead import ahead
from mnv3gen.train.data.augment import COLUMNS, erased, recolored
from mnv3gen.train.data.examples import ArrayExamples, Examples, FileExamples
from mnv3gen.train.data.sources import ArraySource, FileSource, Form
from mnv3gen.train.recipe import Augment

Tensor: TypeAlias = torch.Tensor


@dataclass(frozen=True)
class Share:
    """Which part of every batch this process takes: `rank` of `processes`."""

    rank: int = 0
    processes: int = 1


@dataclass(frozen=True)
class Batch:
    """Inputs (n, 3, h, w), labels (n,), and how much of each picture is its own.

    The rest (1 - ``own``) is of the picture before it in the batch (mixup).
    """

    images: Tensor
    labels: Tensor
    own: float = 1.0

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: Any, memory_format: Any) -> Batch:
        """The same on a device."""
        images = self.images.to(device).contiguous(memory_format=memory_format)
        return Batch(images, self.labels.to(device), self.own)


@dataclass
class Batches:
    """Batches of a network's inputs.

    ``batch`` is of all processes together and becomes a multiple of their number; the last pictures
    of an epoch's order that do not fill one are left out. ``skipped`` names what could not be read.
    """

    examples: Examples
    form: Form
    augment: Augment
    batch: int
    seed: int
    share: Share = Share()
    workers: int = 0
    skipped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.mine = min(self.batch, len(self.examples)) // self.share.processes
        self.batch = self.mine * self.share.processes
        if not self.batch:
            raise InputError(
                "fewer pictures than processes",
                place=self.examples.place,
                found=f"{len(self.examples)} pictures",
                expected=f"at least {self.share.processes}",
            )
        self.source = _source(self)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.examples) // self.batch

    def epoch(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """The batches of an epoch, from its batch `start` on."""
        return ahead(self._epoch(epoch, start))

    def _epoch(self, epoch: int, start: int) -> Iterator[Batch]:
        order = torch.randperm(len(self.examples), generator=generator(self.seed, epoch)).numpy()
        numbers = range(start, len(self))
        draws = [self._draws(epoch, number) for number in numbers] if self.workers else None
        first = self.share.rank * self.mine
        parts = [order[number * self.batch + first :][: self.mine] for number in numbers]
        lazily = (self._draws(epoch, number) for number in numbers)
        wanted = zip(parts, draws or lazily, strict=True)
        for number, (images, labels, used) in zip(
            numbers, self.source.batches(wanted), strict=True
        ):
            yield self._finished(images, labels, used, (epoch, number))

    def _draws(self, epoch: int, number: int) -> Tensor:
        """The rows of what is drawn for a batch that this process takes."""
        draws = torch.rand((self.batch, COLUMNS), generator=generator(self.seed, epoch, number))
        return draws[self.share.rank * self.mine :][: self.mine]

    def _finished(
        self, images: Tensor, labels: Tensor, draws: Tensor, place: tuple[int, int]
    ) -> Batch:
        if self.augment.color:
            images = recolored(images, self.augment.color, draws)
        if self.augment.erase:
            images = erased(images, self.augment.erase, draws)
        images = self.form.normalized(images)
        if not self.augment.mixup:
            return Batch(images, labels)
        beta = np.random.default_rng([self.seed, *place]).beta
        own = float(beta(self.augment.mixup, self.augment.mixup))
        return Batch(own * images + (1 - own) * images.roll(1, 0), labels, own)


def generator(*parts: int) -> torch.Generator:
    """A random generator that these numbers seed."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))


def form_of(height: int, width: int, preprocess: Preprocess) -> Form:
    """The form of a network's inputs."""
    return Form(height, width, preprocess)


def _source(batches: Batches) -> ArraySource | FileSource:
    examples, form, augment = batches.examples, batches.form, batches.augment
    if isinstance(examples, ArrayExamples):
        return ArraySource(examples, form, augment)
    assert isinstance(examples, FileExamples)
    return FileSource(examples, form, augment, batches.workers, batches.skipped)

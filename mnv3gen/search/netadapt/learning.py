"""A coarse estimate of a proposal's accuracy: fine-tuned for some steps, counted on a hold-out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mnv3gen.errors import InputError, Mnv3genError
from mnv3gen.search.netadapt.populate import Weights
from mnv3gen.tables.network import Network
from mnv3gen.train.data.batches import Share
from mnv3gen.train.data.examples import Data, split
from mnv3gen.train.distribute import group
from mnv3gen.train.learner import Learner
from mnv3gen.train.recipe import Recipe
from mnv3gen.train.request import Request
from mnv3gen.train.state import finite
from mnv3gen.train.tasks.choose import task_of
from mnv3gen.train.tasks.task import Batches

LEAST = 5  # pictures of every class that are held out, on average


@dataclass(frozen=True)
class Tuned:
    """Weights after fine-tuning, and the share of the hold-out that they get right."""

    weights: dict[str, Any]
    accuracy: float


@dataclass(frozen=True)
class Learning:
    """How proposals learn, and from what: `data`'s held-out part is none of the test pictures.

    `steps` of the recipe's batches, the rate falling from `rate` (for the recipe's own batch) to 0
    by a cosine.
    """

    data: Data
    spec: str
    recipe: Recipe
    steps: int
    rate: float
    device: str
    workers: int = 0

    def tuned(
        self, network: Network, weights: Weights, seed: int, advance: Callable[[], None]
    ) -> Tuned:
        """Fine-tune; the same batches for the same seed. Mnv3genError if it diverges."""
        with group(self.device) as processes:
            task = task_of(network, self.data)
            request = self._request(network, weights, seed)
            learner = Learner(request, processes, task)
            batches = task.batches(self.recipe, seed, Share(), self.workers)
            for number, batch in enumerate(_first(batches, self.steps)):
                rate = self.rate * (1 + math.cos(math.pi * number / self.steps)) / 2
                loss, _ = learner.step(batch, rate, number)
                if not math.isfinite(loss):
                    raise _diverged(network)
                advance()
            found = learner.weights()
            if not finite(found):
                raise _diverged(network)
            return Tuned(found, task.evaluate(learner.compute).quality)

    def accuracy(self, network: Network, weights: Weights) -> float:
        """The share of the hold-out that a network gets right as it is."""
        with group(self.device) as processes:
            task = task_of(network, self.data)
            learner = Learner(self._request(network, weights, 0), processes, task)
            return task.evaluate(learner.compute).quality

    def _request(self, network: Network, weights: Weights, seed: int) -> Request:
        return Request(
            network=network,
            data=self.data,
            spec=self.spec,
            recipe=self.recipe,
            folder=Path(),  # a learner alone writes nothing
            seed=seed,
            weights=weights,
            workers=self.workers,
        )


def held_out(data: Data, share: float) -> Data:
    """The training part in two, of which the second is the hold-out.

    InputError if it is too small for that.
    """
    learned, kept = split(data.train, share)
    if len(kept) < LEAST * len(data.names):
        raise InputError(
            "too few pictures to compare proposals by",
            place="--hold-out",
            found=f"{len(kept)} of {len(data.train)} training pictures, {len(data.names)} classes",
            expected=f"at least {LEAST} held out of every class; a larger share, or more pictures",
        )
    return replace(data, train=learned, held_out=kept)


def plain(recipe: Recipe) -> Recipe:
    """A recipe for few steps: without dropout, which a coarse estimate has no use for."""
    return msgspec.structs.replace(recipe, dropout=0.0)


def _first(batches: Batches, steps: int) -> Iterator[Any]:
    """So many batches, over as many epochs as that takes."""
    left, epoch = steps, 0
    while left:
        stream = batches.epoch(epoch)
        try:
            for batch in stream:
                yield batch
                left -= 1
                if not left:
                    break
        finally:
            stream.close()
        epoch += 1


def _diverged(network: Network) -> Mnv3genError:
    return Mnv3genError(
        f"{network.name}: diverged in fine-tuning; a lower --fine-tune-rate may help"
    )

"""Proxy training: each candidate learns for some epochs, and is stopped if it is hopeless."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import msgspec

from mnv3gen.search.accuracy import PROXY_RECIPE, Accuracy, Bar, EvaluatorSpec
from mnv3gen.search.accuracy.holdout import searched_data
from mnv3gen.search.accuracy.stopping import is_hopeless
from mnv3gen.tables.network import Network
from mnv3gen.train.recipe import Recipe, load_recipe
from mnv3gen.train.request import Request
from mnv3gen.train.session import Watcher, train
from mnv3gen.train.state import EpochRow, read_state


class Proxy:
    """Trains by mnv3gen's recipe for a few epochs, in a folder a trial, which is gone afterwards.

    A trial whose training was killed goes on there.
    """

    def __init__(self, spec: EvaluatorSpec) -> None:
        self.spec = spec
        self.data = searched_data(spec.data, spec.images)
        self.recipe = recipe_of(PROXY_RECIPE, spec, self.data.mirrored)

    def of(self, number: int, network: Network, bar: Bar) -> Accuracy:
        """The accuracy after the last epoch."""
        folder = Path(self.spec.folder) / f"trial-{number}"
        begun = time.monotonic()
        stopped = False
        request = Request(
            network, self.data, self.spec.data, self.recipe, folder, self.spec.seed, device="cpu"
        )
        try:
            train(request, _Judge(bar))
        except _HopelessError:
            stopped = True
        state = read_state(folder)
        assert state is not None
        curve = tuple(row.accuracy for row in state.rows)
        shutil.rmtree(folder)
        return Accuracy(
            value=curve[-1],
            evaluator="proxy",
            images=len(self.data.held_out),
            seed=self.spec.seed,
            epochs=len(curve),
            recipe=PROXY_RECIPE,
            curve=curve,
            stopped=stopped,
            seconds=round(time.monotonic() - begun, 1),
        )


def recipe_of(name: str, spec: EvaluatorSpec, mirrored: bool) -> Recipe:
    """A recipe with so many epochs and pictures a step."""
    recipe = load_recipe(name)
    augment = recipe.augment
    if not mirrored:
        augment = msgspec.structs.replace(augment, flip=False)
    return msgspec.structs.replace(recipe, epochs=spec.epochs, batch=spec.batch, augment=augment)


class _HopelessError(Exception):
    """A training that is not worth going on with."""


class _Judge(Watcher):
    def __init__(self, bar: Bar) -> None:
        self.bar = bar

    def epoch_over(self, row: EpochRow) -> None:
        if is_hopeless(row.epoch, row.accuracy, self.bar):
            raise _HopelessError

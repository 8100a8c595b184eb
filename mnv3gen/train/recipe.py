"""Recipes: how to train, as TOML files. Ours lie in `recipes/`; a user's is given by its path."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from mnv3gen.errors import InputError
from mnv3gen.named_toml import NamedFiles
from mnv3gen.resources import PACKAGE

DEFAULT = "modern"

LARGEST = 1e6  # of any number of a recipe; more is a slip, and inf no number

Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=LARGEST)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Amount: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=LARGEST)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a recipe."""


class Optimizer(Part, frozen=True):
    """The optimizer. ``rate`` is for a batch of ``rate_for_batch`` and scaled linearly with it.

    ``epsilon`` and ``average`` (the decay of squared gradients) are RMSProp's; rmsprop is that of
    TensorFlow. ``weight_decay`` is of convolutions' weights only: added to the gradient with
    rmsprop and sgd, decoupled with adamw.
    """

    name: Literal["rmsprop", "adamw", "sgd"]
    rate: Positive
    rate_for_batch: Count
    momentum: Share = 0.9
    average: Share = 0.9
    epsilon: Positive = 1e-8
    weight_decay: Amount = 0.0
    clip: Amount = 0.0


class Schedule(Part, frozen=True):
    """The learning rate over time: "cosine" to 0, or times ``factor`` every ``every`` epochs.

    It rises from 0 over the first ``warmup`` epochs. With a time budget the cosine is over time.
    """

    name: Literal["cosine", "exponential"]
    factor: Positive = 0.99
    every: Positive = 3.0
    warmup: Amount = 0.0


class Augment(Part, frozen=True):
    """What is done to pictures in training.

    ``crop``: "inception" takes a random part of the picture with an ``area`` (share) and an
    ``aspect`` in these ranges; "shift" the part that evaluation keeps, moved by up to ``shift`` of
    its sides and scaled by up to ``zoom``. ``flip``: mirrored half of the time, unless the data say
    that a mirrored picture is another class. ``color``: strength of random brightness, contrast,
    saturation and hue; 1 is Inception's. ``erase``: how often a box is blanked. ``mixup``: alpha of
    the mixture's Beta distribution, 0 for none. ``randaugment``: its magnitude, 0 for none.
    """

    crop: Literal["inception", "shift"] = "shift"
    area: tuple[Positive, Positive] = (0.08, 1.0)
    aspect: tuple[Positive, Positive] = (0.75, 4 / 3)
    shift: Share = 0.07
    zoom: Share = 0.0
    flip: bool = True
    color: Amount = 0.0
    erase: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    mixup: Amount = 0.0
    randaugment: Annotated[int, msgspec.Meta(ge=0, le=30)] = 0


class Recipe(Part, frozen=True):
    """Everything about a training run but the network, the data and the seed.

    ``batch`` is of all processes together. ``dropout`` is the share of a classifier's features
    that is dropped, ``bn_decay`` that of BN's averages which a step keeps, ``ema`` the decay of the
    averaged weights that are evaluated and saved (0 for none). ``amp`` is automatic mixed
    precision (bfloat16 on a CPU, float16 on a GPU). ``synchronized`` BN sees the batches of all
    processes.
    """

    epochs: Count
    batch: Count
    optimizer: Optimizer
    schedule: Schedule
    augment: Augment = Augment()
    description: str = ""
    dropout: Share = 0.2
    bn_decay: Share = 0.99
    ema: Share = 0.9999
    label_smoothing: Share = 0.0
    amp: bool = False
    channels_last: bool = True
    synchronized: bool = True


FILES = NamedFiles(
    "recipe", PACKAGE / "train" / "recipes", Recipe, "--recipe", expected="see docs/training.md"
)


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe by name or by the path of a TOML file; InputError if it says what it must not."""
    path = FILES.find(name_or_path)
    recipe = FILES.read(path)
    _check(recipe, str(path))
    return recipe


def _check(recipe: Recipe, place: str) -> None:
    for name in ("area", "aspect"):
        low, high = getattr(recipe.augment, name)
        if low > high or (name == "area" and high > 1):
            raise InputError(
                "not a range",
                place=f"{place}: augment.{name}",
                found=f"{low} to {high}",
                expected="the smaller one first, and an area of at most 1",
            )


def rate_at(recipe: Recipe, epoch: float, progress: float) -> float:
    """The learning rate after so many epochs, at a share of the whole run (0 to 1)."""
    optimizer, schedule = recipe.optimizer, recipe.schedule
    rate = optimizer.rate * recipe.batch / optimizer.rate_for_batch
    if schedule.warmup:
        rate *= min(1.0, epoch / schedule.warmup)
    if schedule.name == "cosine":
        from math import cos, pi

        return rate * (1 + cos(pi * min(progress, 1.0))) / 2
    return rate * schedule.factor ** float(epoch // schedule.every)

"""The pictures of a search: some of the training ones are held out, test ones stay unseen."""

from __future__ import annotations

import numpy as np

from mnv3gen.errors import InputError
from mnv3gen.train.data.examples import Data, Examples, split
from mnv3gen.train.data.specs import open_data

SHARE = 0.1  # of the training pictures
LEAST = 10  # pictures of each class: fewer leave nothing to hold out


def searched_data(spec: str, images: int = 0) -> Data:
    """Training pictures, at most `images` of them (0 for all), and held-out ones.

    InputError for data that are too few to hold some of every class out.
    """
    data = open_data(spec)
    _check(data.train, data.names)
    rest, held_out = split(data.train, SHARE)
    return Data(_some(rest, images), held_out, data.names, data.mirrored)


def _check(examples: Examples, names: tuple[str, ...]) -> None:
    counts = np.bincount(examples.labels, minlength=len(names))
    fewest = int(counts.argmin())
    if counts[fewest] < LEAST:
        raise InputError(
            "too few pictures to hold some of every class out",
            place=examples.place,
            found=f"{counts[fewest]} of the class {names[fewest]}",
            expected=f"at least {LEAST} training pictures of each class",
        )


def _some(examples: Examples, images: int) -> Examples:
    if not images or images >= len(examples):
        return examples
    order = np.random.RandomState(1).permutation(len(examples))[:images]
    return examples.chosen(np.sort(order))

"""`Examples`: pictures with their classes, in memory or in files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnv3gen.errors import InputError
from mnv3gen.images.decode import open_picture

Labels: TypeAlias = npt.NDArray[np.int64]
Pixels: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Examples(ABC):
    """Pictures with a class each; ``place`` says where they are from."""

    place: str
    labels: Labels

    def __len__(self) -> int:
        """The number of pictures."""
        return len(self.labels)

    @abstractmethod
    def picture(self, index: int) -> Image.Image:
        """A picture in mode RGB; ImageError if it cannot be read."""

    @abstractmethod
    def name(self, index: int) -> str:
        """What to call a picture in a message."""

    @abstractmethod
    def chosen(self, indices: npt.NDArray[np.int64]) -> Examples:
        """Some of them, in that order."""


@dataclass(frozen=True)
class ArrayExamples(Examples):
    """Pictures of one size in memory: uint8 (n, h, w) of gray, or (n, h, w, 3) of RGB."""

    pixels: Pixels

    def picture(self, index: int) -> Image.Image:
        """Gray is repeated in the three channels, as `mnv3gen run` does with a gray file."""
        return Image.fromarray(self.pixels[index]).convert("RGB")

    def name(self, index: int) -> str:
        """The number of the picture."""
        return f"{self.place}[{index}]"

    def chosen(self, indices: npt.NDArray[np.int64]) -> ArrayExamples:
        """Copies of some."""
        return ArrayExamples(self.place, self.labels[indices], self.pixels[indices])


@dataclass(frozen=True)
class FileExamples(Examples):
    """Picture files, decoded when they are asked for."""

    paths: tuple[Path, ...]

    def picture(self, index: int) -> Image.Image:
        """Turned upright, whatever its colours were."""
        return open_picture(self.paths[index])

    def name(self, index: int) -> str:
        """The file's path."""
        return str(self.paths[index])

    def chosen(self, indices: npt.NDArray[np.int64]) -> FileExamples:
        """The same files."""
        paths = tuple(self.paths[index] for index in indices)
        return FileExamples(self.place, self.labels[indices], paths)


@dataclass(frozen=True)
class Data:
    """What is learned from and what is held out; `names` are those of the classes, in order.

    ``mirrored``: whether a mirrored picture is still of its class.
    """

    train: Examples
    held_out: Examples
    names: tuple[str, ...]
    mirrored: bool = True


def check_labels(examples: Examples, classes: int) -> None:
    """Raise InputError if a label is no class of a network with so many."""
    wrong = np.flatnonzero((examples.labels < 0) | (examples.labels >= classes))
    if not len(wrong):
        return
    first = int(wrong[0])
    raise InputError(
        "a label that is no class of the network",
        place=examples.name(first),
        found=f"label {examples.labels[first]}, and {len(wrong) - 1} more out of range",
        expected=f"0 to {classes - 1}: the network has {classes} classes",
    )


def check_some(examples: Examples) -> None:
    """Raise InputError if there are no examples."""
    if not len(examples):
        raise InputError("no pictures", place=examples.place, expected="at least one")


def split(examples: Examples, share: float = 0.1) -> tuple[Examples, Examples]:
    """Training and held-out examples: of every class the same share, by a fixed permutation."""
    order = np.random.RandomState(0).permutation(len(examples))
    held: list[npt.NDArray[np.int64]] = []
    for label in np.unique(examples.labels):
        of_class = order[examples.labels[order] == label]
        held.append(of_class[: int(len(of_class) * share + 0.5)])
    held_out = np.sort(np.concatenate(held))
    rest = np.setdiff1d(np.arange(len(examples)), held_out)
    if not len(held_out) or not len(rest):
        raise InputError(
            "too few pictures to hold some out",
            place=examples.place,
            found=f"{len(examples)} pictures",
            expected="folders train/ and val/, or at least 10 pictures a class",
        )
    return examples.chosen(rest), examples.chosen(held_out)


def numbered(classes: int) -> tuple[str, ...]:
    """Names for classes that have none."""
    return tuple(f"class {index}" for index in range(classes))


def names_or_numbers(names: Sequence[str] | None, labels: Labels) -> tuple[str, ...]:
    """The names, or else numbers up to the largest label."""
    return tuple(names) if names is not None else numbered(int(labels.max(initial=0)) + 1)

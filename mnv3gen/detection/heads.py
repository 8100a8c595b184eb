"""The outputs of a detector by name: boxes1, scores1, boxes2, ... of its feature maps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError, Mnv3genError

NAME = re.compile(r"boxes\d+")
EXPECTED = "boxesN of 4a channels and scoresN of ka for every feature map N, the finest first"


@dataclass(frozen=True)
class Heads:
    """All heads in one order: map, y, x, box.

    ``maps``: (height, width) of every feature map. ``boxes``: how many a position has on each.
    ``codes`` (n, 4) are relative to the n anchors; of ``logits`` (n, k) the class 0 is background.
    """

    maps: tuple[tuple[int, int], ...]
    boxes: tuple[int, ...]
    codes: npt.NDArray[np.float64]
    logits: npt.NDArray[np.float64]


def numbers_of(names: Mapping[str, object]) -> list[str]:
    """The N of boxesN and scoresN, ascending; empty if these are not a detector's outputs."""
    numbers = sorted(
        {name.removeprefix("boxes") for name in names if NAME.fullmatch(name)}, key=int
    )
    complete = {f"{kind}{number}" for number in numbers for kind in ("boxes", "scores")}
    return numbers if complete == set(names) else []


def class_count(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many classes a detector's outputs of these shapes have, the background among them."""
    first = numbers_of(shapes)[0]
    return shapes[f"scores{first}"][-1] // max(shapes[f"boxes{first}"][-1] // 4, 1)


def read_heads(outputs: Mapping[str, npt.NDArray[Any]]) -> Heads:
    """The heads of a network's outputs by name, each (1, h, w, c), or (1, c) at one position.

    Of the channels the box is the slow index: 4 values, or k classes, for each. Raises `InputError`
    where names or shapes are not those of a detector, `Mnv3genError` for values not finite.
    """
    numbers = numbers_of(outputs)
    if not numbers:
        raise InputError("not a detector's outputs", found=", ".join(outputs), expected=EXPECTED)
    heads = [
        _Head(number, _map(outputs[f"boxes{number}"]), _map(outputs[f"scores{number}"]))
        for number in numbers
    ]
    for head in heads:
        head.check(heads[0].classes)
    codes = np.concatenate([head.boxes.reshape(-1, 4) for head in heads])
    logits = np.concatenate([head.scores.reshape(-1, head.classes) for head in heads])
    if not (np.isfinite(codes).all() and np.isfinite(logits).all()):
        raise Mnv3genError("the network's output has values that are not finite")
    maps = tuple((head.boxes.shape[0], head.boxes.shape[1]) for head in heads)
    return Heads(maps, tuple(head.count for head in heads), codes, logits)


@dataclass(frozen=True)
class _Head:
    """The two outputs of one feature map, (h, w, 4a) and (h, w, ka)."""

    number: str
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        return max(int(self.boxes.shape[-1]) // 4, 1)

    @property
    def classes(self) -> int:
        return int(self.scores.shape[-1]) // self.count

    def check(self, classes: int) -> None:
        channels = self.boxes.shape[-1], self.scores.shape[-1]
        fits = channels == (4 * self.count, classes * self.count)
        if not fits or self.boxes.shape[:2] != self.scores.shape[:2] or classes < 2:
            raise InputError(
                "heads that do not fit together",
                place=f"boxes{self.number}, scores{self.number}",
                found=f"{self.boxes.shape} and {self.scores.shape}",
                expected=f"{EXPECTED}, k at least 2 and the same on all maps",
            )


def _map(output: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """An output as (height, width, channels)."""
    shape = (1, 1, -1) if output.ndim == 2 else output.shape[-3:]
    return output.astype(np.float64).reshape(shape)

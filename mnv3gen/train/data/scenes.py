"""Scenes of coloured shapes, made from a seed: what detectors and segmentations are shown on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mnv3gen.images import Preprocess
from mnv3gen.images.preprocess import normalized
from mnv3gen.train.data.batches import Share, generator

ALONE = Share()
NAMES = ("background", "disc", "square", "triangle")
MOST = 3  # shapes in a scene
SIDES = (0.2, 0.45)  # of the picture's shorter side


@dataclass(frozen=True)
class Scenes:
    """Pictures (n, h, w, 3), the class of each pixel (n, h, w), and boxes.

    Boxes are rows (class, x0, y0, x1, y1) in pixels of a picture, around what is seen of a shape.
    """

    place: str
    pixels: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]
    boxes: tuple[npt.NDArray[np.float32], ...]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class SceneData:
    """Scenes to learn from and others; `names` start with the background."""

    train: Scenes
    held_out: Scenes
    names: tuple[str, ...] = NAMES
    mirrored: bool = True


def shapes(height: int, width: int, train: int = 2048, held_out: int = 128) -> SceneData:
    """Scenes in a network's input size."""
    return SceneData(_scenes(height, width, train, 1), _scenes(height, width, held_out, 2))


def _scenes(height: int, width: int, count: int, seed: int) -> Scenes:
    made = [_scene(height, width, np.random.RandomState([seed, index])) for index in range(count)]
    pixels, masks, boxes = zip(*made, strict=True)
    return Scenes(f"shapes {seed}", np.stack(pixels), np.stack(masks), boxes)


def _scene(height: int, width: int, random: np.random.RandomState) -> tuple[Any, Any, Any]:
    picture = np.empty((height, width, 3))
    picture[:] = random.uniform(40, 200, 3)
    owner = np.zeros((height, width), np.int64)  # the number of the shape that is on top
    classes = [0]
    for number in range(1, random.randint(1, MOST + 1) + 1):
        kind = random.randint(1, len(NAMES))
        inside = _inside(kind, height, width, random)
        owner[inside] = number
        classes.append(kind)
        picture[inside] = random.uniform(0, 255, 3)
    picture += random.normal(0, 12, picture.shape)
    mask = np.array(classes, np.uint8)[owner]
    boxes = [
        [classes[number], x.min(), y.min(), x.max() + 1, y.max() + 1]
        for number in range(1, len(classes))
        for y, x in [np.nonzero(owner == number)]
        if len(x)
    ]
    return picture.clip(0, 255).astype(np.uint8), mask, np.array(boxes, np.float32)


def _inside(
    kind: int, height: int, width: int, random: np.random.RandomState
) -> npt.NDArray[np.bool_]:
    """The pixels of a shape somewhere in the picture."""
    side = random.uniform(*SIDES) * min(height, width)
    y, x = random.uniform(0, height - side), random.uniform(0, width - side)
    rows, columns = np.mgrid[:height, :width] + 0.5
    v, u = (rows - y) / side, (columns - x) / side  # 0 to 1 inside of the shape's square
    square = (u > 0) & (u < 1) & (v > 0) & (v < 1)
    match NAMES[kind]:
        case "disc":
            inside = (u - 0.5) ** 2 + (v - 0.5) ** 2 < 0.25
        case "triangle":
            inside = square & (np.abs(u - 0.5) < v / 2)
        case _:
            inside = square
    return np.asarray(inside)


@dataclass(frozen=True)
class SceneBatch:
    """Inputs (n, 3, h, w), the classes of pixels (n, h, w), and boxes as in `Scenes`."""

    images: torch.Tensor
    masks: torch.Tensor
    boxes: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: Any, memory_format: Any) -> SceneBatch:
        """The same on a device."""
        return SceneBatch(
            self.images.to(device).contiguous(memory_format=memory_format),
            self.masks.to(device),
            tuple(each.to(device) for each in self.boxes),
        )


@dataclass
class SceneBatches:
    """Batches of scenes, half of them mirrored; which and how follows from the seed."""

    scenes: Scenes
    preprocess: Preprocess
    batch: int
    seed: int
    share: Share = ALONE
    flip: bool = True
    skipped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.mine = max(min(self.batch, len(self.scenes)) // self.share.processes, 1)
        self.batch = self.mine * self.share.processes

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self.scenes) // self.batch

    def epoch(self, epoch: int, start: int = 0) -> Generator[SceneBatch, None, None]:
        """The batches of an epoch, from its batch `start` on."""
        order = torch.randperm(len(self.scenes), generator=generator(self.seed, epoch)).numpy()
        first = self.share.rank * self.mine
        for number in range(start, len(self)):
            draws = torch.rand(self.batch, generator=generator(self.seed, epoch, number)).numpy()
            chosen = order[number * self.batch + first :][: self.mine]
            yield self._made(chosen, self.flip & (draws[first : first + self.mine] < 0.5))

    def _made(self, chosen: npt.NDArray[np.int64], mirrored: npt.NDArray[np.bool_]) -> SceneBatch:
        scenes, width = self.scenes, self.scenes.pixels.shape[2]
        pixels, masks = scenes.pixels[chosen], scenes.masks[chosen]
        pixels[mirrored] = pixels[mirrored, :, ::-1]
        masks[mirrored] = masks[mirrored, :, ::-1]
        boxes = [scenes.boxes[index].copy() for index in chosen]
        for index in np.flatnonzero(mirrored):
            boxes[index][:, [1, 3]] = width - boxes[index][:, [3, 1]]
        images = normalized(pixels, self.preprocess).transpose(0, 3, 1, 2)
        return SceneBatch(
            torch.from_numpy(np.ascontiguousarray(images)),
            torch.from_numpy(masks.astype(np.int64)),
            tuple(torch.from_numpy(each) for each in boxes),
        )

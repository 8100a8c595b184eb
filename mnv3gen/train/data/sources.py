"""Where a batch's pictures are cut from: arrays in memory, or files that workers decode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from mnv3gen.errors import ImageError, InputError
from mnv3gen.images.preprocess import Preprocess, kept_box
from mnv3gen.train.data.augment import FLIP, boxes, sampled
from mnv3gen.train.data.examples import ArrayExamples, FileExamples
from mnv3gen.train.data.policies import randaugment
from mnv3gen.train.recipe import Augment

Tensor: TypeAlias = torch.Tensor
Wanted: TypeAlias = Iterable[tuple[npt.NDArray[np.int64], Tensor]]
"""For each batch the pictures' indices (n,) and what was drawn for each (n, COLUMNS)."""
Cut: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Pictures (n, c, h, w) with values 0 to 1, labels (n,), and the draws of those that were read."""


@dataclass(frozen=True)
class Form:
    """What a network takes: its input's size, and how a picture becomes it."""

    height: int
    width: int
    preprocess: Preprocess

    def kept(self, size: tuple[int, int]) -> Tensor:
        """The box (1, 4) of a picture of (width, height) that evaluation keeps, with its size."""
        box = kept_box(size, (self.width, self.height), self.preprocess)
        left, top, right, bottom = box
        return torch.tensor([[left, top, right - left, bottom - top]])

    def normalized(self, images: Tensor) -> Tensor:
        """Values of 0 to 1, of three channels or one, to the network's three."""
        mean, deviation = (
            torch.tensor(values)[:, None, None]
            for values in (self.preprocess.mean, self.preprocess.std)
        )
        return (images - mean) / deviation


class ArraySource:
    """Pictures in memory, uint8, made smaller once if the network's input is much smaller."""

    def __init__(self, examples: ArrayExamples, form: Form, augment: Augment) -> None:
        pixels = _shrunk(examples.pixels, form)
        channels_first = pixels[:, None] if pixels.ndim == 3 else pixels.transpose(0, 3, 1, 2)
        self.pictures = torch.from_numpy(np.array(channels_first))
        self.labels = torch.from_numpy(examples.labels)
        self.form, self.augment = form, augment
        height, width = self.pictures.shape[2:]
        self.size = torch.tensor([[width, height]], dtype=torch.float32)
        self.kept = form.kept((width, height))

    def batches(self, wanted: Wanted) -> Iterator[Cut]:
        """The batches, one after the other."""
        for indices, draws in wanted:
            chosen = torch.from_numpy(indices)
            pictures = self.pictures[chosen]
            if self.augment.randaugment:
                pictures = randaugment(pictures, self.augment.randaugment, draws)
            yield self._cut(pictures, draws), self.labels[chosen], draws

    def _cut(self, pictures: Tensor, draws: Tensor) -> Tensor:
        count, form = len(draws), self.form
        box = boxes(
            self.augment,
            self.kept.expand(count, 4),
            self.size.expand(count, 2),
            form.width / form.height,
            draws,
        )
        mirrored = draws[:, FLIP] < (0.5 if self.augment.flip else 0)
        return sampled(pictures.float() / 255, box, mirrored, (form.width, form.height))


class FileSource:
    """Pictures in files, decoded and cut by `workers` processes (0: by this one)."""

    def __init__(
        self,
        examples: FileExamples,
        form: Form,
        augment: Augment,
        workers: int,
        skipped: set[str],
    ) -> None:
        self.dataset = _Files(examples, form, augment)
        self.workers, self.skipped = workers, skipped

    def batches(self, wanted: Wanted) -> Iterator[Cut]:
        """The batches, without what cannot be read; InputError if that is a whole one."""
        keys = [
            [(int(index), row) for index, row in zip(indices, draws, strict=True)]
            for indices, draws in wanted
        ]
        loader = torch.utils.data.DataLoader(
            self.dataset, batch_sampler=keys, num_workers=self.workers, collate_fn=list
        )
        for found, asked in zip(loader, keys, strict=True):
            yield self._stacked(found, asked)

    def _stacked(self, found: list[Any], asked: list[tuple[int, Tensor]]) -> Cut:
        self.skipped |= {each for each in found if isinstance(each, str)}
        read = [number for number, each in enumerate(found) if not isinstance(each, str)]
        if not read:
            raise InputError(
                "not one picture of a batch could be read",
                place=self.dataset.examples.place,
                found=str(found[0]),
            )
        pictures = torch.stack([found[number] for number in read]).float() / 255
        labels = [int(self.dataset.examples.labels[asked[number][0]]) for number in read]
        return pictures, torch.tensor(labels), torch.stack([asked[number][1] for number in read])


@dataclass(frozen=True)
class _Files(torch.utils.data.Dataset[Any]):  # type: ignore[misc]
    """By an index and draws: a picture's part, uint8 (3, h, w), or what is wrong with the file."""

    examples: FileExamples
    form: Form
    augment: Augment

    def __getitem__(self, key: tuple[int, Tensor]) -> Tensor | str:
        index, draws = key[0], key[1][None]
        try:
            picture = self.examples.picture(index)
        except ImageError as error:
            return str(error)
        if self.augment.randaugment:
            pixels = torch.from_numpy(np.array(picture).transpose(2, 0, 1))[None]
            changed = randaugment(pixels, self.augment.randaugment, draws)
            picture = Image.fromarray(changed[0].permute(1, 2, 0).numpy())
        return self._cut(picture, draws)

    def _cut(self, picture: Image.Image, draws: Tensor) -> Tensor:
        form = self.form
        sizes = torch.tensor([picture.size], dtype=torch.float32)
        aspect = form.width / form.height
        box = boxes(self.augment, form.kept(picture.size), sizes, aspect, draws)[0].tolist()
        inside = _inside(box, picture.size)
        part = picture.resize((form.width, form.height), Image.Resampling.BILINEAR, inside)
        pixels = np.asarray(part)
        if self.augment.flip and draws[0, FLIP] < 0.5:
            pixels = pixels[:, ::-1]
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def _inside(box: list[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box moved, and if need be made smaller, to lie inside of a picture (left, top, ...)."""
    ends: list[tuple[float, float]] = []
    for start, extent, limit in zip(box[:2], box[2:], size, strict=True):
        extent = min(extent, limit)
        start = min(max(start, 0.0), limit - extent)
        ends.append((start, min(start + extent, limit)))
    (left, right), (top, bottom) = ends
    return left, top, right, bottom


def _shrunk(pixels: npt.NDArray[np.uint8], form: Form) -> npt.NDArray[np.uint8]:
    """Pictures of which evaluation keeps about the input's size, if they were larger."""
    height, width = pixels.shape[1:3]
    _, _, kept_width, kept_height = form.kept((width, height))[0].tolist()
    ratio = max(form.width / kept_width, form.height / kept_height)
    if ratio >= 1:
        return pixels
    size = max(1, round(width * ratio)), max(1, round(height * ratio))
    resized = [
        np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BILINEAR)) for each in pixels
    ]
    return np.stack(resized)

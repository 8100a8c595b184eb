"""Learning boxes: SSDLite heads in either convention of `mnv3gen.detection`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from mnv3gen.detection import decode
from mnv3gen.detection.anchors import anchors
from mnv3gen.detection.conventions import Convention, matching_convention
from mnv3gen.images import named
from mnv3gen.images.preprocess import normalized
from mnv3gen.train.data.batches import Share
from mnv3gen.train.data.scenes import SceneBatch, SceneBatches
from mnv3gen.train.recipe import Recipe
from mnv3gen.train.tasks.average_precision import average_precision
from mnv3gen.train.tasks.boxes import encoded, matched
from mnv3gen.train.tasks.scenes import check_scenes
from mnv3gen.train.tasks.task import Compute, Evaluation, Outputs, Task, Tensor

Heads: TypeAlias = tuple[Tensor, Tensor]
"""Codes (n, anchors, 4) and logits (n, anchors, k)."""

CHUNK = 32
FOCUS, POSITIVE = 2.0, 0.75  # gamma and alpha of the released SSDLite configs' focal loss
NEGATIVES = 3  # times the matched anchors, with softmax (SSD, section 2.2)


class Detection(Task):
    """boxesN and scoresN of every feature map."""

    metric = "mAP"

    def check(self) -> None:
        """InputError unless the network has the scenes' classes and known anchors."""
        check_scenes(self.network, self.data)
        self._rules()

    def batches(self, recipe: Recipe, seed: int, share: Share, workers: int) -> SceneBatches:
        """Batches of scenes."""
        preprocess = named(self.network.conventions.preprocess)
        flip = recipe.augment.flip
        return SceneBatches(self.data.train, preprocess, recipe.batch, seed, share, flip)

    def loss(self, outputs: Outputs, batch: SceneBatch, recipe: Recipe) -> Tensor:
        """Of classes and of matched anchors' boxes, over the number of matched anchors."""
        return self._loss(outputs, batch.boxes)

    def _loss(self, outputs: Outputs, boxes: tuple[Tensor, ...]) -> Tensor:
        codes, logits = self._heads(outputs)
        classes, wanted = self._targets(boxes)
        classes, wanted = classes.to(logits.device), wanted.to(logits.device)
        positive = classes > 0
        count = positive.sum().clamp_min(1)
        places = functional.smooth_l1_loss(codes[positive], wanted[positive], reduction="sum")
        kinds = (focal if self._rules().scores == "sigmoid" else mined)(logits, classes)
        return (places + kinds) / count

    def right(self, outputs: Outputs, batch: SceneBatch) -> float:
        """Pictures' worth of matched anchors whose class scores most, the background aside."""
        _, logits = self._heads(outputs)
        classes, _ = self._targets(batch.boxes)
        classes = classes.to(logits.device)
        positive = classes > 0
        hits = logits[..., 1:].argmax(2)[positive] + 1 == classes[positive]
        return float(hits.float().mean() * len(batch)) if len(hits) else 0.0

    def evaluate(self, compute: Compute) -> Evaluation:
        """COCO's mean average precision, at overlaps of 0.5 to 0.95, and the loss."""
        scenes, preprocess = self.data.held_out, named(self.network.conventions.preprocess)
        shape = (self.network.height, self.network.width)
        found = []
        losses = 0.0
        for start in range(0, len(scenes), CHUNK):
            part = slice(start, start + CHUNK)
            inputs = normalized(scenes.pixels[part], preprocess)
            outputs = compute(inputs)
            losses += self._held_out_loss(outputs, scenes.boxes[part]) * len(inputs)
            for index in range(len(inputs)):
                heads = {
                    label: outputs[name][index][np.newaxis]
                    for label, name in zip(self.network.outputs, self.graph.outputs, strict=True)
                }
                found.append(decode(heads, shape, input_shape=shape, labels=self.data.names))
        quality = average_precision(found, scenes.boxes, shape, self.data.names)
        return Evaluation(quality, losses / len(scenes))

    def _held_out_loss(
        self,
        outputs: Mapping[str, npt.NDArray[np.float32]],
        boxes: tuple[npt.NDArray[np.float32], ...],
    ) -> float:
        tensors = {
            name: torch.from_numpy(np.ascontiguousarray(value.transpose(0, 3, 1, 2)))
            for name, value in outputs.items()
        }
        return float(self._loss(tensors, tuple(map(torch.from_numpy, boxes))))

    def _rules(self) -> Convention:
        maps = self._maps()
        boxes = [
            self.graph.shape(name)[2] // 4
            for label, name in zip(self.network.outputs, self.graph.outputs, strict=True)
            if label.startswith("boxes")
        ]
        assert len(maps) == len(boxes)
        return matching_convention(boxes)

    def _maps(self) -> list[tuple[int, int]]:
        return [
            self.graph.shape(name)[:2]
            for label, name in zip(self.network.outputs, self.graph.outputs, strict=True)
            if label.startswith("boxes")
        ]

    def _anchors(self) -> Tensor:
        shape = (self.network.height, self.network.width)
        return torch.from_numpy(anchors(self._maps(), self._rules(), shape)).float()

    def _heads(self, outputs: Outputs) -> Heads:
        parts: dict[str, list[Tensor]] = {"boxes": [], "scores": []}
        for label, name in zip(self.network.outputs, self.graph.outputs, strict=True):
            kind = label.rstrip("0123456789")
            width = 4 if kind == "boxes" else self.network.classes
            output = outputs[name].float().permute(0, 2, 3, 1)
            parts[kind].append(output.reshape(len(output), -1, width))
        return torch.cat(parts["boxes"], 1), torch.cat(parts["scores"], 1)

    def _targets(self, truth: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Each anchor's class (n, anchors), 0 where it has no box, and its code."""
        places, rules = self._anchors(), self._rules()
        extent = torch.tensor([self.network.width, self.network.height] * 2)
        classes, codes = [], []
        for rows in truth:
            boxes = rows.cpu()[:, 1:] / extent
            match = matched(places, boxes)
            own = boxes[match.clamp_min(0)]
            classes.append(torch.where(match >= 0, rows.cpu()[match.clamp_min(0), 0].long(), 0))
            codes.append(encoded(places, own, rules))
        return torch.stack(classes), torch.stack(codes)


def focal(logits: Tensor, classes: Tensor) -> Tensor:
    """The sum of sigmoid focal losses (Lin et al., 2017) of logits (..., k), class 0 included."""
    wanted = functional.one_hot(classes, logits.shape[-1]).to(logits.dtype)
    entropy = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    score = torch.sigmoid(logits)
    missing = wanted * (1 - score) + (1 - wanted) * score
    weight = wanted * POSITIVE + (1 - wanted) * (1 - POSITIVE)
    return (weight * missing**FOCUS * entropy).sum()


def mined(logits: Tensor, classes: Tensor) -> Tensor:
    """The sum of cross entropies of matched anchors, and of the worst others, three for each."""
    entropy = functional.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="none")
    entropy = entropy.view_as(classes)
    positive = classes > 0
    others = entropy.masked_fill(positive, -1).sort(1, descending=True)[0]
    rank = torch.arange(others.shape[1], device=others.device)
    kept = rank < NEGATIVES * positive.sum(1, keepdim=True)
    return entropy[positive].sum() + others[kept & (others >= 0)].sum()

"""Learning the class of every pixel: (L)R-ASPP heads."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from mnv3gen.errors import Mnv3genError
from mnv3gen.images import named
from mnv3gen.images.preprocess import normalized
from mnv3gen.train.data.batches import Share
from mnv3gen.train.data.scenes import SceneBatch, SceneBatches
from mnv3gen.train.recipe import Recipe
from mnv3gen.train.tasks.scenes import check_scenes
from mnv3gen.train.tasks.task import Compute, Evaluation, Outputs, Task, Tensor

CHUNK = 32


class Segmentation(Task):
    """One output of many positions, enlarged to the picture as `mnv3gen run` does it."""

    metric = "mIoU"

    def check(self) -> None:
        """InputError unless the network has the scenes' classes."""
        check_scenes(self.network, self.data)

    def batches(self, recipe: Recipe, seed: int, share: Share, workers: int) -> SceneBatches:
        """Batches of scenes."""
        preprocess = named(self.network.conventions.preprocess)
        flip = recipe.augment.flip
        return SceneBatches(self.data.train, preprocess, recipe.batch, seed, share, flip)

    def loss(self, outputs: Outputs, batch: SceneBatch, recipe: Recipe) -> Tensor:
        """The mean cross entropy of all pixels."""
        return functional.cross_entropy(
            self._scores(outputs), batch.masks, label_smoothing=recipe.label_smoothing
        )

    def right(self, outputs: Outputs, batch: SceneBatch) -> float:
        """Pictures' worth of pixels whose class has the largest score."""
        hits = self._scores(outputs).argmax(1) == batch.masks
        return float(hits.float().mean() * len(batch))

    def evaluate(self, compute: Compute) -> Evaluation:
        """Mean intersection over union of the classes, by torchmetrics, and the cross entropy."""
        try:
            from torchmetrics.classification import MulticlassJaccardIndex
        except ImportError as error:
            raise Mnv3genError("mIoU is torchmetrics': pip install 'mnv3gen[heads]'") from error
        scenes, preprocess = self.data.held_out, named(self.network.conventions.preprocess)
        index, entropy = MulticlassJaccardIndex(self.network.classes), 0.0
        (name,) = self.graph.outputs
        for start in range(0, len(scenes), CHUNK):
            part = slice(start, start + CHUNK)
            found = compute(normalized(scenes.pixels[part], preprocess))[name]
            output = torch.from_numpy(np.ascontiguousarray(found.transpose(0, 3, 1, 2)))
            scores = self._scores({name: output})
            masks = torch.from_numpy(scenes.masks[part].astype(np.int64))
            entropy += functional.cross_entropy(scores, masks).item() * len(masks)
            index.update(scores.argmax(1), masks)
        return Evaluation(float(index.compute()), entropy / len(scenes))

    def _scores(self, outputs: Outputs) -> Tensor:
        """Scores (n, k, h, w) of every pixel of the picture."""
        size = (self.network.height, self.network.width)
        output = outputs[self.graph.outputs[0]].float()
        return functional.interpolate(output, size, mode="bilinear", align_corners=False)

"""Learning classes."""

from __future__ import annotations

from mnv3gen.images import named
from mnv3gen.train.data.batches import Batch, Batches, Share, form_of
from mnv3gen.train.data.examples import check_labels
from mnv3gen.train.data.pixels import Inputs
from mnv3gen.train.losses import classification_loss
from mnv3gen.train.recipe import Recipe
from mnv3gen.train.score import score
from mnv3gen.train.tasks.task import Compute, Evaluation, Outputs, Task, Tensor


class Classification(Task):
    """One output, of one position."""

    metric = "top-1"

    def check(self) -> None:
        """InputError for a label that is no class of the network."""
        for examples in (self.data.train, self.data.held_out):
            check_labels(examples, self.network.classes)

    def batches(self, recipe: Recipe, seed: int, share: Share, workers: int) -> Batches:
        """Batches of labelled pictures."""
        network = self.network
        form = form_of(network.height, network.width, named(network.conventions.preprocess))
        return Batches(self.data.train, form, recipe.augment, recipe.batch, seed, share, workers)

    def loss(self, outputs: Outputs, batch: Batch, recipe: Recipe) -> Tensor:
        """Cross entropy."""
        return classification_loss(self._scores(outputs), batch, recipe.label_smoothing)

    def right(self, outputs: Outputs, batch: Batch) -> float:
        """Pictures whose class has the largest score."""
        return float((self._scores(outputs).argmax(1) == batch.labels).sum())

    def evaluate(self, compute: Compute) -> Evaluation:
        """Top-1 and the cross entropy."""
        network = self.network
        preprocess = named(network.conventions.preprocess)
        inputs = Inputs(self.data.held_out, network.height, network.width, preprocess)
        (name,) = self.graph.outputs
        found = score(inputs, lambda data: compute(data)[name].reshape(len(data), -1))
        return Evaluation(found.accuracy, found.loss, tuple(inputs.skipped))

    def _scores(self, outputs: Outputs) -> Tensor:
        return outputs[self.graph.outputs[0]].flatten(1).float()

"""What training makes small: cross entropy, mixed labels, and a teacher's answers."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch.nn import functional

from mnv3gen.train.data.batches import Batch

Tensor: TypeAlias = torch.Tensor


def classification_loss(scores: Tensor, batch: Batch, smoothing: float) -> Tensor:
    """Mean cross entropy of scores (n, classes); of a mixed batch, with both labels' shares."""
    loss = functional.cross_entropy(scores, batch.labels, label_smoothing=smoothing)
    if batch.own == 1:
        return loss
    other = functional.cross_entropy(scores, batch.labels.roll(1, 0), label_smoothing=smoothing)
    return batch.own * loss + (1 - batch.own) * other


def distillation_loss(scores: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Hinton et al., 2015: T^2 times the mean divergence from the teacher's softened classes."""
    ours = functional.log_softmax(scores / temperature, 1)
    theirs = functional.log_softmax(teacher / temperature, 1)
    return temperature**2 * functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)

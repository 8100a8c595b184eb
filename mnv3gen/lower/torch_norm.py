"""Batch normalization as the weight files store it, over one process or over all of a group."""

from __future__ import annotations

import torch
import torch.distributed
from torch import nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional


class BatchNorm(nn.Module):  # type: ignore[misc]
    """Batch normalization of (n, c, h, w).

    ``decay`` is the share of the running averages that a step keeps (1 minus torch's momentum).
    ``synchronized`` takes the statistics of the batches of all processes together, on any
    device; torch's own SyncBatchNorm knows only GPUs.
    """

    def __init__(self, channels: int, eps: float, decay: float) -> None:
        super().__init__()
        self.eps, self.decay, self.synchronized, self.frozen = eps, decay, False, False
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        """The same shape."""
        training = self.training and not self.frozen
        if training and self.synchronized and torch.distributed.is_initialized():
            return self._synchronized(data)
        return functional.batch_norm(
            data,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training,
            1 - self.decay,
            self.eps,
        )

    def _synchronized(self, data: torch.Tensor) -> torch.Tensor:
        """Mean and variance from sums over all processes, which gradients flow back through."""
        count = data.new_full((1,), data.numel() // data.shape[1])
        sums = torch.cat([data.sum((0, 2, 3)), data.square().sum((0, 2, 3)), count])
        total, squares, count = all_reduce(sums).split([data.shape[1], data.shape[1], 1])
        mean = total / count
        variance = (squares / count - mean.square()).clamp_min(0)
        with torch.no_grad():
            unbiased = variance * count / (count - 1).clamp_min(1)
            self.running_mean.lerp_(mean, 1 - self.decay)
            self.running_var.lerp_(unbiased, 1 - self.decay)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return data * scale[:, None, None] + shift[:, None, None]

"""Augmentation policies of torchvision, where it is installed."""

from __future__ import annotations

import torch

from mnv3gen.errors import Mnv3genError
from mnv3gen.train.data.augment import POLICY


def randaugment(pictures: torch.Tensor, magnitude: int, draws: torch.Tensor) -> torch.Tensor:
    """Change pictures by RandAugment: of uint8 (n, c, h, w), two operations each.

    torchvision draws from torch's global generator, which is seeded here and put back.
    """
    try:
        from torchvision.transforms.v2 import RandAugment
    except ImportError as error:
        raise Mnv3genError(
            "augment.randaugment is torchvision's, which is not installed"
        ) from error
    policy = RandAugment(num_ops=2, magnitude=magnitude)
    changed = []
    with torch.random.fork_rng(devices=[]):
        for picture, draw in zip(pictures, draws[:, POLICY], strict=True):
            torch.manual_seed(int(draw * 2**24))
            changed.append(policy(picture))
    return torch.stack(changed)

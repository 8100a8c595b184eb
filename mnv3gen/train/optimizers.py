"""The optimizer of a recipe."""

from __future__ import annotations

from typing import Any

import torch

from mnv3gen.train.recipe import Optimizer
from mnv3gen.train.rmsprop import RmsProp


def make_optimizer(module: Any, recipe: Optimizer) -> Any:
    """The optimizer; weights of convolutions decay, biases and BN's parameters do not."""
    decaying = [each for each in module.parameters() if each.requires_grad and each.ndim > 1]
    others = [each for each in module.parameters() if each.requires_grad and each.ndim <= 1]
    groups = [
        {"params": decaying, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    match recipe.name:
        case "rmsprop":
            return RmsProp(groups, recipe.rate, recipe.average, recipe.momentum, recipe.epsilon)
        case "adamw":
            return torch.optim.AdamW(groups, recipe.rate, eps=recipe.epsilon)
        case "sgd":
            return torch.optim.SGD(groups, recipe.rate, momentum=recipe.momentum, nesterov=True)


def set_rate(optimizer: Any, rate: float) -> None:
    """Set the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate

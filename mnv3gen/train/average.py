"""The exponential moving average of a module's weights, which is what is evaluated and saved."""

from __future__ import annotations

import copy
from typing import Any

import torch


class Average:
    """A copy of a module that follows it; `decay` 0 makes it the module's equal.

    It follows faster at first (`warmed`). BN's own averages are averaged too.
    """

    def __init__(self, module: Any, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.ours = list(self.module.state_dict().values())
        self.theirs = list(module.state_dict().values())

    @torch.no_grad()
    def update(self) -> None:
        """Take one step towards the module."""
        torch._foreach_lerp_(self.ours, self.theirs, 1 - warmed(self.decay, self.updates))
        self.updates += 1


def warmed(decay: float, updates: int) -> float:
    """The decay of an average after so many updates: (1 + n) / (10 + n), until that is larger.

    So an average does not remember its start; as TensorFlow's `num_updates` does it.
    """
    return min(decay, (1 + updates) / (10 + updates))

"""RMSProp as TensorFlow computes it, which the paper's rate and epsilon are for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch


class RmsProp(torch.optim.Optimizer):  # type: ignore[misc]
    """`tf.train.RMSPropOptimizer`: epsilon inside of the root, averages that start at 1.

    average = a * average + (1 - a) * g^2; step = momentum * step + rate * g / sqrt(average + eps);
    the rate is part of the step that momentum keeps. torch's own differs in all three.
    """

    def __init__(
        self,
        parameters: Iterable[Any],
        lr: float,
        average: float = 0.9,
        momentum: float = 0.9,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"average": average, "momentum": momentum, "eps": eps}
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, **defaults})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step; a closure is not called."""
        for group in self.param_groups:
            parameters = [each for each in group["params"] if each.grad is not None]
            if parameters:
                self._step(group, parameters)

    def _step(self, group: dict[str, Any], parameters: list[torch.Tensor]) -> None:
        for each in parameters:
            if not self.state[each]:
                self.state[each]["average"] = torch.ones_like(each)
                self.state[each]["step"] = torch.zeros_like(each)
        averages = [self.state[each]["average"] for each in parameters]
        steps = [self.state[each]["step"] for each in parameters]
        gradients = [each.grad for each in parameters]
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
        squares = torch._foreach_mul(gradients, gradients)
        torch._foreach_lerp_(averages, squares, 1 - group["average"])
        roots = torch._foreach_add(averages, group["eps"])
        torch._foreach_sqrt_(roots)
        torch._foreach_mul_(steps, group["momentum"])
        torch._foreach_addcdiv_(steps, gradients, roots, value=group["lr"])
        torch._foreach_sub_(parameters, steps)

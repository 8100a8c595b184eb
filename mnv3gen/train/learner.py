"""The tensors of a run: a module, its average and its optimizer; one step; to and from arrays."""

from __future__ import annotations

import contextlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.lower.torch import GraphModule, arrays_of, to_torch
from mnv3gen.lower.torch_norm import BatchNorm
from mnv3gen.train.average import Average, warmed
from mnv3gen.train.data.batches import generator
from mnv3gen.train.distribute import Group, shared
from mnv3gen.train.integers.module import IntegerModule, unfolded
from mnv3gen.train.losses import distillation_loss
from mnv3gen.train.optimizers import make_optimizer, set_rate
from mnv3gen.train.request import Request
from mnv3gen.train.state import Arrays
from mnv3gen.train.tasks.task import Batch, Task

Tensor: TypeAlias = torch.Tensor


class Learner:
    """What learns. A step's random choices follow from the seed and the step's number."""

    def __init__(self, request: Request, group: Group, task: Task) -> None:
        recipe = request.recipe
        self.request, self.group, self.task = request, group, task
        graph = task.graph
        torch.manual_seed(_seed(request.seed, 0, 0))
        self.graph, module = graph, _module(graph, request)
        self.format = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.module = module.to(group.device, memory_format=self.format).train()
        self.average = Average(self.module, recipe.ema)
        self.optimizer = make_optimizer(self.module, recipe.optimizer)
        self.norms = [part for part in self.module.modules() if isinstance(part, BatchNorm)]
        self.called = shared(self.module, group, recipe.synchronized)
        self.teacher = _teacher(request, group)

    def step(self, batch: Batch, rate: float, number: int) -> tuple[float, float]:
        """Learn from a batch; its loss, which may be no finite number, and its right answers."""
        recipe = self.request.recipe
        torch.manual_seed(_seed(self.request.seed, number, self.group.rank))
        set_rate(self.optimizer, rate)
        for norm in self.norms:
            norm.decay = warmed(recipe.bn_decay, number)
        batch = batch.to(self.group.device, self.format)
        with self._precision():
            outputs = self.called(batch.images)
        loss = self._loss(outputs, batch)
        self.optimizer.zero_grad()
        loss.backward()
        if recipe.optimizer.clip:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), recipe.optimizer.clip)
        self.optimizer.step()
        self.average.update()
        return loss.item(), self.task.right(outputs, batch)

    def compute(self, inputs: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """The averaged network's outputs by name, NHWC, of inputs (n, h, w, c)."""
        return module_outputs(self.average.module, inputs, self.format, self.group.device)

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """The averaged weights, under the names of the network's table."""
        if self.request.integers is not None:
            return unfolded(self.graph, self.average.module.values())
        return arrays_of(self.average.module)

    def arrays(self) -> Arrays:
        """Everything that a step changes."""
        parts = {"module": self.module.state_dict(), "average": self.average.module.state_dict()}
        for index, values in self.optimizer.state_dict()["state"].items():
            parts[f"optimizer.{index}"] = values
        return {
            f"{part}/{name}": np.array(torch.as_tensor(value).cpu().numpy(), order="C", copy=True)
            for part, values in parts.items()
            for name, value in values.items()
            if value is not None
        }

    def restore(self, arrays: Arrays, updates: int) -> None:
        """Go back to where `arrays` were taken, after so many updates of the average."""
        parts: dict[str, Arrays] = {}
        for key, array in arrays.items():
            part, name = key.split("/", 1)
            parts.setdefault(part, {})[name] = array
        _copy(self.module, parts.pop("module"))
        _copy(self.average.module, parts.pop("average"))
        self.average.updates = updates
        state = self.optimizer.state_dict()
        state["state"] = {
            int(part.removeprefix("optimizer.")): {
                name: torch.from_numpy(array.copy()) for name, array in values.items()
            }
            for part, values in parts.items()
        }
        self.optimizer.load_state_dict(state)

    def _loss(self, outputs: dict[str, Tensor], batch: Batch) -> Tensor:
        loss = self.task.loss(outputs, batch, self.request.recipe)
        wanted = self.request.teacher
        if wanted is None or self.teacher is None:
            return loss
        scores = scores_of(outputs, classifier_output(self.graph)).float()
        with torch.no_grad():
            answers = scores_of(self.teacher(batch.images), self.output_of_teacher)
        distilled = distillation_loss(scores, answers.float(), wanted.temperature)
        return (1 - wanted.share) * loss + wanted.share * distilled

    @property
    def output_of_teacher(self) -> str:
        """The name of the teacher's output."""
        assert self.teacher is not None
        return classifier_output(self.teacher.graph)

    def _precision(self) -> Any:
        if not self.request.recipe.amp or self.request.integers is not None:
            return contextlib.nullcontext()  # integers are exact in float32, not in bfloat16
        return torch.autocast(self.group.device.type, dtype=torch.bfloat16)


def classifier_output(graph: Graph) -> str:
    """The one output of a classifier; InputError for a network of another kind."""
    if len(graph.outputs) == 1 and graph.shape(graph.outputs[0])[:2] == (1, 1):
        return graph.outputs[0]
    raise InputError(
        "not a classifier",
        place=graph.name,
        found=", ".join(f"{name} {graph.shape(name)}" for name in graph.outputs[:3]),
        expected="one output of one position",
    )


def scores_of(outputs: dict[str, Tensor], name: str) -> Tensor:
    """Class scores (n, classes) of a module's outputs."""
    return outputs[name].flatten(1)


def module_outputs(
    module: Any, inputs: npt.NDArray[np.float32], memory_format: Any, device: Any
) -> dict[str, npt.NDArray[np.float32]]:
    """A module's outputs by name, NHWC, of inputs (n, h, w, c)."""
    images = torch.from_numpy(np.ascontiguousarray(inputs.transpose(0, 3, 1, 2)))
    images = images.to(device).contiguous(memory_format=memory_format)
    with torch.inference_mode():
        outputs = module(images)
    return {
        name: value.float().permute(0, 2, 3, 1).cpu().numpy() for name, value in outputs.items()
    }


def _module(graph: Graph, request: Request) -> Any:
    recipe, statistics = request.recipe, request.integers
    if statistics is None:
        return to_torch(graph, request.weights, recipe.bn_decay, recipe.dropout)
    assert request.weights is not None
    return IntegerModule(graph, request.weights, statistics.ranges)


@torch.no_grad()
def _copy(module: Any, arrays: Arrays) -> None:
    for name, tensor in module.state_dict().items():
        tensor.copy_(torch.from_numpy(arrays[name]))


def _teacher(request: Request, group: Group) -> GraphModule | None:
    if request.teacher is None:
        return None
    module = to_torch(expand(request.teacher.network), request.teacher.weights)
    return module.to(group.device).eval().requires_grad_(False)


def _seed(*parts: int) -> int:
    return generator(*parts).initial_seed()

"""What is tuned for some networks: every group that a plan may use, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mnv3gen.compile.calls import Calls
from mnv3gen.compile.kernels import Phases, fallback_functions, fused_calls
from mnv3gen.compile.plan import Step, candidates, make_plan
from mnv3gen.compile.schedules import FALLBACK
from mnv3gen.compile.tuned import NOTHING, Tuned
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.graph.model import Model, model_of
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.relax import to_relax
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.prepare import without_integers
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantize_module import quantize_module
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.tables.network import Network
from mnv3gen.tables.zoo import get, names
from mnv3gen.targets import Target
from mnv3gen.tune.units import Task

if TYPE_CHECKING:
    from tvm import tirx


@dataclass(frozen=True)
class Listed:
    """A network's calls, and all steps that may start with each of them.

    `functions` are TVM's own of the kernels that no generator accepts, by name.
    """

    calls: Calls
    table: list[list[Step]]
    functions: dict[str, tirx.PrimFunc] = field(default_factory=dict)


def listed(network: Network | Model, target: Target, int8: bool = False) -> Listed:
    """The calls of a network; the weights do not matter, and are all ones.

    With `int8` it is quantized, by the ranges of a seeded input.
    """
    if int8:
        quantized = quantized_by_seed(network)
        module = to_relax(quantized.graph, quantized.weights)
        module = quantize_module(quantized)(module)
    else:
        graph = model_of(network).graph
        shapes = parameter_shapes(graph)
        module = to_relax(graph, {name: np.ones(it, np.float32) for name, it in shapes.items()})
    calls, module = fused_calls(module, Phases(lambda phase: None, None), integers=int8)
    table = candidates(calls, target.core)
    return Listed(calls, table, _functions(module, table, target))


def quantized_by_seed(network: Network | Model) -> Quantized:
    """A network with random weights, quantized by the ranges of a seeded input."""
    graph = model_of(network).graph
    weights = seeded_weights(graph, 0)
    ranges, _ = measure_ranges(graph, weights, [seeded_input(graph.input_shape)], "minmax")
    return quantize_graph(graph, weights, ranges, without_integers(graph))


def _functions(module: Any, table: list[list[Step]], target: Target) -> dict[str, tirx.PrimFunc]:
    from tvm.target import Target as TvmTarget

    steps = (step for steps in table for step in steps)
    names = {step.group.name for step in steps if step.schedule.name == FALLBACK}
    if not names:
        return {}
    tvm_target, phases = TvmTarget(target.tvm_dict()), Phases(lambda phase: None, None)
    module = fallback_functions(phases, module, names, tvm_target)
    return {name: module[name] for name in names}


def tasks_of(networks: Iterable[Listed]) -> dict[tuple[str, str], Task]:
    """Every task of some networks by its key."""
    tasks: dict[tuple[str, str], Task] = {}
    for network in networks:
        for step in (step for steps in network.table for step in steps):
            if step.schedule.generates:
                task = Task(step.group, step.schedule)
                tasks.setdefault(task.key, task)
    return tasks


def tasks_of_zoo(target: Target) -> dict[tuple[str, str], Task]:
    """Every task of every network that we know; it takes a while."""
    return tasks_of(listed(get(name), target) for name in names())


def calls_in_plans(
    networks: Iterable[Listed], target: Target, tuned: Tuned = NOTHING
) -> Counter[tuple[str, str]]:
    """How often the networks' plans call each task."""
    counts: Counter[tuple[str, str]] = Counter()
    for network in networks:
        for step in make_plan(network.calls, target.core, tuned).steps:
            counts[step.group.name, step.schedule.name] += 1
    return counts

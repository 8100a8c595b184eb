"""What is tuned for some networks: every group that a plan may use, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mnv3gen.compile.calls import Calls
from mnv3gen.compile.kernels import Phases, fused_calls
from mnv3gen.compile.plan import Step, candidates, make_plan
from mnv3gen.compile.tuned import NOTHING, Tuned
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.lower.relax import to_relax
from mnv3gen.tables.network import Network
from mnv3gen.tables.zoo import get, names
from mnv3gen.targets import Target
from mnv3gen.tune.units import Task


@dataclass(frozen=True)
class Listed:
    """A network's calls, and all steps that may start with each of them."""

    calls: Calls
    table: list[list[Step]]


def listed(network: Network, target: Target) -> Listed:
    """The calls of a network; the weights do not matter, and are all ones."""
    graph = expand(network)
    shapes = parameter_shapes(graph)
    module = to_relax(graph, {name: np.ones(it, np.float32) for name, it in shapes.items()})
    calls, _ = fused_calls(module, Phases(lambda phase: None, None))
    return Listed(calls, candidates(calls, target.core))


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

"""The task that a network and data are for."""

from __future__ import annotations

from typing import Any

from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.results import kind_of
from mnv3gen.tables.network import Network
from mnv3gen.train.data.scenes import SceneData
from mnv3gen.train.tasks.classification import Classification
from mnv3gen.train.tasks.detection import Detection
from mnv3gen.train.tasks.segmentation import Segmentation
from mnv3gen.train.tasks.task import Task

TASKS: dict[str, type[Task]] = {
    "classification": Classification,
    "detection": Detection,
    "segmentation": Segmentation,
}


def task_of(network: Network, data: Any) -> Task:
    """The task, not yet checked. InputError for a classifier that is given scenes."""
    graph = expand(network)
    labels = network.outputs or graph.outputs
    shapes = {
        label: (1, *graph.shape(name)) for label, name in zip(labels, graph.outputs, strict=True)
    }
    kind = kind_of(shapes)
    if kind == "classification" and (isinstance(data, SceneData) or len(graph.outputs) > 1):
        raise InputError(
            "a network with one class for a whole picture cannot learn these data",
            place=network.name,
            expected="labelled pictures, or a detector or a segmentation",
        )
    return TASKS[kind](network, graph, data)

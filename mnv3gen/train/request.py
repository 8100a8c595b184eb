"""What to train: everything that a run depends on, and what makes it the same run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from mnv3gen.quantize.statistics_file import Statistics
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.train.recipe import Recipe

if TYPE_CHECKING:
    from mnv3gen.train.data.examples import Data
    from mnv3gen.train.data.scenes import SceneData

Weights = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Teacher:
    """A network whose answers are learned, besides the labels.

    ``share`` of the loss is the teacher's, at a ``temperature`` (Hinton et al., 2015).
    """

    network: Network
    weights: Weights
    share: float = 0.5
    temperature: float = 4.0


@dataclass(frozen=True)
class Request:
    """A run: ``spec`` is how the data were named, ``minutes`` its time, instead of all epochs.

    ``weights`` are those to start from. With ``integers``, the ranges of the int8 network, the run
    learns with its rounding, and batch normalization is folded. ``workers`` decode files;
    ``every`` is the most seconds between two checkpoints.
    """

    network: Network
    data: Data | SceneData
    spec: str
    recipe: Recipe
    folder: Path
    seed: int = 0
    minutes: float | None = None
    device: str = "auto"
    weights: Weights | None = None
    teacher: Teacher | None = None
    workers: int = 2
    integers: Statistics | None = None
    every: float = 300.0


def identity(request: Request) -> dict[str, str]:
    """What must be the same for a killed run to go on, by the name that a message gives it."""
    found = {
        "table": _short(format_network(request.network).encode()),
        "recipe": _short(msgspec.json.encode(request.recipe, order="deterministic")),
        "seed": str(request.seed),
        "data": f"{request.spec}: {len(request.data.train)}, {len(request.data.held_out)} pictures",
        "start": _weights(request.weights),
        "schedule": "epochs" if request.minutes is None else "time",
    }
    if request.integers is not None:
        found["rounding"] = _short(repr(sorted(request.integers.ranges.items())).encode())
    if request.teacher is not None:
        teacher = request.teacher
        found["teacher"] = f"{_weights(teacher.weights)} {teacher.share} {teacher.temperature}"
    return found


def _weights(weights: Weights | None) -> str:
    if weights is None:
        return "random"
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()[:16]


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]

"""What calibration measured, as a text file: calibrate once, compile often."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.graph.model import Model, model_of
from mnv3gen.quantize.observers import ObserverName
from mnv3gen.quantize.scales import Range
from mnv3gen.tables.network import Network

Array: TypeAlias = npt.NDArray[Any]
VERSION = 2
DIGITS = 6  # of a bias's shift


@dataclass(frozen=True)
class Statistics:
    """What was measured of a network over `pictures` inputs; `table` and `weights` are hashes.

    `ranges` has (smallest, largest) of each tensor, `shifts` by how much int8 shifts the sums of
    each channel of a convolution on average (`bias_correction`; none if they were not measured),
    and `float_nodes` the operators that are to stay in float32.
    """

    network: str
    table: str
    weights: str
    observer: ObserverName
    pictures: int
    ranges: dict[str, Range]
    shifts: dict[str, list[float]] = field(default_factory=dict)
    float_nodes: list[str] = field(default_factory=list)
    version: int = VERSION


def table_hash(network: Network | Model) -> str:
    """A short hash of a network's table or operators, its input's shape and classes included."""
    return hashlib.sha256(model_of(network).text.encode()).hexdigest()[:16]


def weights_hash(weights: Mapping[str, Array]) -> str:
    """A short hash over the names, shapes and values of weights."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {value.shape} {value.dtype}\n".encode())
        digest.update(np.ascontiguousarray(value).data)
    return digest.hexdigest()[:16]


def write_statistics(statistics: Statistics, path: Path) -> None:
    """Write JSON with one tensor a line, under a temporary name until it is whole."""
    if not path.parent.is_dir():
        raise InputError("no such folder", place=str(path.parent))
    fields = asdict(statistics)
    shifts = {
        name: [float(f"{value:.{DIGITS}g}") for value in each]
        for name, each in fields.pop("shifts").items()
    }
    parts = {"ranges": fields.pop("ranges"), "shifts": shifts}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items()]
    lines += [f' "{name}": {_by_line(part)}' for name, part in parts.items()]
    text = ",\n".join(lines)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _by_line(part: Mapping[str, Any]) -> str:
    """A JSON object with one entry a line."""
    lines = (f"  {json.dumps(name)}: {json.dumps(list(each))}" for name, each in part.items())
    return "{\n" + ",\n".join(lines) + "\n }" if part else "{}"


def read_statistics(
    path: Path, network: Network | Model, weights: Mapping[str, Array]
) -> Statistics:
    """The statistics of a file. InputError if it has others, of another table or other weights."""
    expected = "a file that `mnv3gen quantize -o` wrote"
    try:
        statistics = msgspec.json.decode(path.read_bytes(), type=Statistics)
    except FileNotFoundError:
        raise InputError("no such file", place=str(path), expected=expected) from None
    except (OSError, ValueError) as error:
        raise InputError(
            "not a statistics file", place=str(path), found=str(error), expected=expected
        ) from error
    if statistics.version != VERSION:
        raise _unfit("of another version", path, statistics.version, VERSION)
    if statistics.table != table_hash(network):
        found = f"{statistics.table} ({statistics.network})"
        wanted = f"{table_hash(network)} ({network.name})"
        raise _unfit("made for another table", path, found, wanted)
    if statistics.weights != weights_hash(weights):
        raise _unfit("made for other weights", path, statistics.weights, weights_hash(weights))
    return statistics


def _unfit(problem: str, path: Path, found: object, wanted: object) -> InputError:
    return InputError(
        f"these statistics are {problem}; calibrate anew",
        place=str(path),
        found=found,
        expected=str(wanted),
    )

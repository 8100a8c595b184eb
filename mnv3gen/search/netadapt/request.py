"""What a NetAdapt run is asked, and the file by which a run that goes on knows it is the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from mnv3gen import __version__
from mnv3gen.errors import InputError
from mnv3gen.search.latency import Kind
from mnv3gen.search.netadapt.populate import Importance, Weights
from mnv3gen.search.netadapt.shrink import DIVISOR
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.train.data.examples import Data
from mnv3gen.train.recipe import Recipe
from mnv3gen.train.request import Weights as Arrays
from mnv3gen.train.state import replace_bytes, writing

FILE = "netadapt.json"
Metric: TypeAlias = Literal["ratio", "original"]
FORMAT = 1


@dataclass(frozen=True)
class Request:
    """A run. `target_ms` is of the network compiled and measured on the device.

    `delta` is the part of the seed's latency that a step saves. `data` has all training pictures
    and the test ones; `hold_out` is the share of the former by which proposals are compared. With
    no `weights` the seed is trained for `seed_epochs` first. `final_minutes` is instead of
    `final_epochs`; with 0 epochs the network is not trained from scratch. `rounds` are those of
    comparing two networks. `attempts` is how often the proposals of a step may be shrunk more.
    """

    network: Network
    data: Data
    spec: str
    recipe: Recipe
    folder: Path
    device: str
    target: str
    target_ms: float
    latency: Kind = "table"
    metric: Metric = "ratio"
    importance: Importance = "l2"
    delta: float = 0.01
    divisor: int = DIVISOR
    fine_tune: int = 200
    fine_tune_rate: float = 0.001
    hold_out: float = 0.1
    weights: Weights | None = None
    seed_epochs: int = 4
    final_epochs: int = 30
    final_minutes: float | None = None
    rounds: int = 7
    attempts: int = 4
    most_steps: int = 1000
    seed: int = 0
    compute: str = "auto"


def identity(request: Request) -> dict[str, Any]:
    """What must be the same for a run to go on, by the name that a message gives it."""
    data = request.data
    return {
        "format": FORMAT,
        "table": format_network(request.network),
        "weights": "random" if request.weights is None else _hash(request.weights),
        "data": f"{request.spec}: {len(data.train)} + {len(data.held_out)} pictures",
        "recipe": _short(msgspec.json.encode(request.recipe, order="deterministic")),
        **{name: getattr(request, name) for name in _PLAIN},
    }


_PLAIN = (
    "device",
    "target",
    "target_ms",
    "latency",
    "metric",
    "importance",
    "delta",
    "divisor",
    "fine_tune",
    "fine_tune_rate",
    "hold_out",
    "seed_epochs",
    "seed",
)


def is_new(request: Request) -> bool:
    """Whether no run has begun in the folder."""
    return not (request.folder / FILE).is_file()


def begin(request: Request) -> None:
    """Make the folder of a run, or check that it is this run's; InputError names a difference."""
    path = request.folder / FILE
    ours = identity(request)
    if path.is_file():
        _check_same(path, ours)
        return
    if request.folder.is_dir() and any(request.folder.iterdir()):
        raise InputError(
            "will not write among other files",
            place=str(request.folder),
            expected="a new folder, or that of the same run",
        )
    with writing(request.folder):
        request.folder.mkdir(parents=True, exist_ok=True)
        content = {**ours, "version": __version__}
        replace_bytes(path, msgspec.json.format(msgspec.json.encode(content), indent=1))


def read_identity(folder: Path) -> dict[str, Any]:
    """What a run's folder was asked; InputError if it is none."""
    path = folder / FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        raise InputError("not the folder of a NetAdapt run", place=str(folder)) from None
    except msgspec.DecodeError as error:
        raise InputError("damaged", place=str(path), found=str(error)) from error
    return found


def _check_same(path: Path, ours: dict[str, Any]) -> None:
    theirs = read_identity(path.parent)
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise InputError(
                f"the folder is of a run with another {name}",
                place=str(path.parent),
                found=theirs.get(name, "none"),
                expected=f"{value}; or another folder, or --restart",
            )


def _hash(weights: Arrays) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].tobytes())
    return digest.hexdigest()[:16]


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]

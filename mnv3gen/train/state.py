"""Checkpoints: every tensor of a run in a safetensors file, and a JSON state that names it.

The state is written last and renamed into its place, so that it always names a whole file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError, Mnv3genError

STATE = "state.json"
FORMAT = 1

Arrays: TypeAlias = dict[str, npt.NDArray[Any]]


class EpochRow(msgspec.Struct, frozen=True):
    """An epoch that is over: a line of the curves. Accuracies are shares."""

    epoch: int
    loss: float
    train_accuracy: float
    accuracy: float
    held_out_loss: float
    rate: float
    images_per_second: float
    seconds: float


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run stands.

    ``step`` counts batches in all, ``batch`` those of ``epoch`` that are over.
    ``sums`` are loss, right answers and pictures of the epoch so far, ``elapsed`` the seconds that
    were spent, ``identity`` what must be the same to go on (see `session.identity`).
    """

    format: int
    tensors: str
    identity: dict[str, str]
    step: int
    epoch: int
    batch: int
    updates: int
    elapsed: float
    sums: tuple[float, float, float]
    best: float
    rows: tuple[EpochRow, ...]
    done: bool = False


def read_state(folder: Path) -> State | None:
    """The state of a run's folder; None if there is none. InputError for one that is damaged."""
    path = folder / STATE
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("not a state of a run", place=str(path), found=str(error)) from error
    if state.format != FORMAT:
        raise InputError(
            "another format", place=str(path), found=state.format, expected=str(FORMAT)
        )
    return state


def write_checkpoint(folder: Path, state: State, tensors: Mapping[str, Any]) -> None:
    """Save a state with its tensors; the earlier one is whole until the new one is.

    Mnv3genError if the disk is full; the earlier one stays.
    """
    from safetensors.numpy import save

    with writing(folder):
        replace_bytes(folder / state.tensors, save(dict(tensors)))
        replace_bytes(folder / STATE, msgspec.json.format(msgspec.json.encode(state), indent=1))
    for old in folder.glob("checkpoint-*.safetensors"):
        if old.name != state.tensors:
            old.unlink()


def read_tensors(folder: Path, state: State) -> Arrays:
    """The tensors of a checkpoint."""
    from mnv3gen.graph.weights import load_tensors

    return load_tensors(folder / state.tensors)


def replace_bytes(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, and rename it when it is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an OSError into a Mnv3genError that says what is left."""
    try:
        yield
    except OSError as error:
        raise Mnv3genError(
            f"{folder}: cannot save: {error.strerror or error}; "
            "what was saved before is whole, and the same command goes on from there"
        ) from error


def finite(tensors: Mapping[str, npt.NDArray[Any]]) -> bool:
    """Whether every number of the tensors is finite."""
    return all(bool(np.isfinite(each).all()) for each in tensors.values())

"""Weight files: safetensors in and out, checked against a graph's parameters."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import WeightsError
from mnv3gen.graph.graph import Graph, parameter_shapes
from mnv3gen.tables.network import Conventions

NAMED_AT_MOST = 8  # tensors named of each kind of misfit before the rest is only counted
CONVENTIONS = (
    "padding",
    "bn_eps",
    "gate",
    "resize",
    "preprocess",
)  # that a file's metadata may name


def load_weights(path: Path, graph: Graph) -> dict[str, npt.NDArray[np.float32]]:
    """The parameters of a graph from a safetensors file, as float32.

    Raises WeightsError with every missing, extra, wrongly shaped or non-finite tensor in one text.
    """
    tensors = load_tensors(path)
    with np.errstate(over="ignore"):  # what overflows is reported as not finite
        singles = {name: single(tensor) for name, tensor in tensors.items()}
    check_weights(singles, graph, str(path))
    return {name: singles[name] for name in parameter_shapes(graph)}


def load_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The tensors of a safetensors file as they are; raises WeightsError if it cannot be read."""
    import ml_dtypes  # noqa: F401  gives NumPy the type bfloat16
    from safetensors.numpy import load_file

    with _readable(path):
        return load_file(path)


def load_metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself; raises WeightsError if it cannot be read."""
    from safetensors import safe_open

    with _readable(path), safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except FileNotFoundError:
        raise WeightsError("no such weights file", place=str(path)) from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(
            "not a readable safetensors file", place=str(path), found=str(error)
        ) from error
    except (TypeError, AttributeError) as error:  # a type that NumPy has not, such as float8
        raise WeightsError(
            "has tensors of a type that cannot be read",
            place=str(path),
            found=str(error),
            expected="float16, bfloat16, float32 or float64",
        ) from error


def check_metadata(path: Path, conventions: Conventions) -> list[str]:
    """Compare what a weight file says it was made for with a table's conventions.

    Raises WeightsError where the weights would compute something else; the result is warnings.
    A file that says nothing contradicts nothing.
    """
    metadata = load_metadata(path)
    ours = {key: str(getattr(conventions, key)) for key in CONVENTIONS}
    others = {
        key: metadata[key] for key in CONVENTIONS if metadata.get(key, ours[key]) != ours[key]
    }
    preprocess = others.pop("preprocess", None)
    if others:
        raise WeightsError(
            "these weights were made for other conventions than the table's",
            place=str(path),
            found=", ".join(f"{key}: {value}" for key, value in others.items()),
            expected=", ".join(f"{key}: {ours[key]}" for key in others),
        )
    if preprocess is None:
        return []
    return [f"{path.name} is for {preprocess} pictures, the table says {ours['preprocess']}"]


def save_weights(
    weights: Mapping[str, npt.NDArray[np.float32]],
    path: Path,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file, under a temporary name until it is whole."""
    from safetensors.numpy import save

    if not path.parent.is_dir():
        raise WeightsError("no such folder", place=str(path.parent))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    content = save({k: np.ascontiguousarray(v) for k, v in weights.items()}, dict(metadata or {}))
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_weights(tensors: Mapping[str, npt.NDArray[Any]], graph: Graph, place: str) -> None:
    """Raise one WeightsError that names everything about the tensors that does not fit."""
    expected = parameter_shapes(graph)
    misfits = {
        "missing": [f"{name} {list(expected[name])}" for name in expected.keys() - tensors.keys()],
        "extra": [
            f"{name} {list(tensors[name].shape)}" for name in tensors.keys() - expected.keys()
        ],
        "wrong shape": [
            f"{name} is {list(tensors[name].shape)}, expected {list(shape)}"
            for name, shape in expected.items()
            if name in tensors and tensors[name].shape != shape
        ],
        "not finite numbers": [
            name for name in expected if name in tensors and _broken(tensors[name])
        ],
        "negative variance": [
            name
            for name in expected
            if name in tensors and name.endswith("running_var") and np.any(tensors[name] < 0)
        ],
    }
    lines = [line for kind, names in misfits.items() for line in _listed(kind, sorted(names))]
    if lines:
        problem = f"these weights do not fit {graph.name}\n" + "\n".join(lines)
        raise WeightsError(
            problem, place=place, expected=f"the {len(expected)} parameters of {graph.name}"
        )


def single(tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """As float32; integers stay what they are, and are then refused."""
    from ml_dtypes import bfloat16

    real = np.issubdtype(tensor.dtype, np.floating) or tensor.dtype == bfloat16
    return tensor.astype(np.float32) if real else tensor


def _broken(tensor: npt.NDArray[Any]) -> bool:
    return not (np.issubdtype(tensor.dtype, np.floating) and bool(np.isfinite(tensor).all()))


def _listed(kind: str, names: list[str]) -> list[str]:
    lines = [f"  {kind + ':':20s}{name}" for name in names[:NAMED_AT_MOST]]
    if len(names) > NAMED_AT_MOST:
        lines.append(f"  {kind + ':':20s}and {len(names) - NAMED_AT_MOST} more")
    return lines

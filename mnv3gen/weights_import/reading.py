"""Weight files to named tensors in definition order, without ever running what a file says."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import WeightsError
from mnv3gen.graph.weights import load_tensors, single
from mnv3gen.weights_import.convolution import SourceFile, first_line
from mnv3gen.weights_import.modules import convolutions_of
from mnv3gen.weights_import.naming import definition_order

Tensors: TypeAlias = dict[str, npt.NDArray[Any]]

FORMATS = "a state_dict saved by torch (.pth, .pt), .safetensors, .npz or .onnx"
CONTAINERS = (  # of checkpoints; averaged weights, which are the ones to use, come first
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "state_dict",
    "model_state_dict",
    "model",
    "module",
)


def read(path: Path) -> SourceFile:
    """The convolutions of a weight file.

    Raises WeightsError for a file that is missing, unreadable, or holds more than tensors.
    """
    if not path.is_file():
        raise WeightsError("no such weights file", place=str(path), expected=FORMATS)
    if path.suffix == ".onnx":
        from mnv3gen.weights_import.onnx_reading import read_onnx

        return read_onnx(path)
    readers: dict[str, Callable[[Path], tuple[Tensors, tuple[str, ...]]]] = {
        ".safetensors": _read_safetensors,
        ".npz": _read_npz,
    }
    tensors, notes = readers.get(path.suffix, _read_torch)(path)
    convolutions, strays = convolutions_of(_singles(tensors, path))
    if not convolutions:
        held = ", ".join([*tensors][:3]) or "no tensor"
        raise _unreadable(path, f"{held}: none could be a convolution's weight")
    return SourceFile(str(path), convolutions, notes, strays)


def _read_safetensors(path: Path) -> tuple[Tensors, tuple[str, ...]]:
    """The format sorts by type and name, so that the order must be made again."""
    return definition_order(load_tensors(path)), ()


def _read_npz(path: Path) -> tuple[Tensors, tuple[str, ...]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}, ()
    except Exception as error:  # of zip, deflate or NumPy's header; they share no base
        raise _unreadable(path, first_line(error)) from error


def _read_torch(path: Path) -> tuple[Tensors, tuple[str, ...]]:
    try:
        import torch
    except ImportError:
        raise WeightsError(
            "reading a file of torch needs torch, which is not installed",
            place=str(path),
            expected="pip install 'mnv3gen[train]', or the weights as .safetensors or .npz",
        ) from None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "not a file of tensors only; nothing in it was run",
            place=str(path),
            # torch's own words advise to load it all the same, which could run code.
            found="something that torch.load(weights_only=True) refuses",
            expected=f"{FORMATS}; of a whole model, save model.state_dict()",
        ) from error
    except Exception as error:  # torch has no exception of its own for a broken file
        raise _unreadable(path, first_line(error)) from error
    named, notes = unwrapped(content, path)
    tensors = {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}
    return {name: _array(value, name, path) for name, value in tensors.items()}, notes


def unwrapped(content: object, path: Path) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """The mapping of names to tensors inside a checkpoint, and a note of what was chosen."""
    keys: list[str] = []
    while isinstance(content, Mapping):
        inner = [key for key in CONTAINERS if isinstance(content.get(key), Mapping)]
        if not inner:
            note = f"took {'.'.join(keys)} of the checkpoint" if keys else ""
            return {str(key): value for key, value in content.items()}, (note,) if note else ()
        keys.append(inner[0])
        content = content[inner[0]]
    raise _unreadable(path, f"a {type(content).__name__}")


def _array(tensor: Any, name: str, path: Path) -> npt.NDArray[Any]:
    """A torch tensor as NumPy; bfloat16, which NumPy has not, as float32."""
    try:
        return (tensor.float() if tensor.is_floating_point() else tensor).detach().numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        found = f"{name}: {tensor.dtype}, {tensor.layout}, on {tensor.device}"
        expected = "dense tensors of floating-point numbers"
        raise WeightsError(
            "has a tensor that cannot be read", place=str(path), found=found, expected=expected
        ) from error


def _singles(tensors: Tensors, path: Path) -> Tensors:
    """As float32; counters such as `num_batches_tracked`, which have no dimension, are left out."""
    singles: Tensors = {}
    for name, tensor in tensors.items():
        if tensor.ndim == 0:
            continue
        with np.errstate(over="ignore"):
            value = single(tensor)
        if value.dtype != np.float32 or not np.isfinite(value).all():
            found = f"{name}, {tensor.dtype} {list(tensor.shape)}"
            raise WeightsError(
                "has a tensor that is not of finite floating-point numbers",
                place=str(path),
                found=found,
                expected="float16, bfloat16, float32 or float64 (no quantized weights)",
            )
        singles[name] = value
    return singles


def _unreadable(path: Path, found: str) -> WeightsError:
    return WeightsError("not a weight file", place=str(path), found=found, expected=FORMATS)

"""A bundle in Python, with NumPy and ctypes and nothing else: this file can be copied by itself.

    from mnv3gen.loader import load

    network = load("out/")
    outputs = network(data)  # data: float32, (h, w, c) or (1, h, w, c)
    scores = outputs["conv2d4"]

The library must be for this machine's processor and Linux. A network may be called from several
threads at once; each has a workspace of its own.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 3  # of manifests
ALIGNMENT = 64  # bytes
ERRORS = {1: "a null pointer", 2: "a misaligned pointer"}


class LoadError(Exception):
    """A folder that is no bundle, or one of another format or with another library."""


def load(folder: str | Path) -> Network:
    """The network of a bundle. LoadError if the folder is none, or if its library was changed."""
    folder = Path(folder)
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise LoadError(f"{folder}: manifest of format {manifest['format']}, not {FORMAT}")
        library = folder / f"lib{manifest['name']}.so"
        digest = hashlib.sha256(library.read_bytes()).hexdigest()
        if digest != manifest["files"][library.name]["sha256"]:
            raise LoadError(f"{library}: changed after compilation")
        return Network(ctypes.CDLL(str(library.resolve())), manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError(f"{folder}: no bundle for this machine: {error}") from error


class Network:
    """A loaded network; `shape` is its input's (1, h, w, c), `outputs` names and shapes."""

    def __init__(self, library: ctypes.CDLL, manifest: dict[str, Any]) -> None:
        name = str(manifest["name"])
        self.name = name
        self.shape: tuple[int, ...] = tuple(manifest["input"]["shape"])
        self.labels: tuple[str, ...] = tuple(manifest["labels"])
        self.preprocess: dict[str, Any] = manifest["input"]["preprocess"]
        self.outputs = {each["name"]: tuple(each["shape"]) for each in manifest["outputs"]}
        self._offsets = {each["name"]: int(each["offset"]) for each in manifest["outputs"]}
        self._run = library[f"{name}_run"]
        self._run.argtypes, self._run.restype = [ctypes.c_void_p] * 3, ctypes.c_int32
        self._sizes = [_size(library, name, each) for each in ("input", "output", "workspace")]
        if self._sizes[0] != 4 * int(np.prod(self.shape)):
            raise LoadError(f"{name}: the library is not the manifest's")
        self._own = threading.local()

    def __call__(self, data: npt.ArrayLike) -> dict[str, npt.NDArray[np.float32]]:
        """The outputs by name, as copies; ValueError for data of another shape."""
        values = np.asarray(data, np.float32)
        if values.shape not in (self.shape, self.shape[1:]):
            raise ValueError(f"input of shape {values.shape}, {self.name} takes {self.shape}")
        if not hasattr(self._own, "buffers"):
            self._own.buffers = [_aligned(size) for size in self._sizes]
        source, output, workspace = self._own.buffers
        source.view(np.float32)[:] = values.ravel()
        code = self._run(source.ctypes.data, output.ctypes.data, workspace.ctypes.data)
        if code:
            raise RuntimeError(f"{self.name}_run: {ERRORS.get(code, code)}")
        return {name: self._output(output, name) for name in self.outputs}

    def _output(self, buffer: npt.NDArray[np.uint8], name: str) -> npt.NDArray[np.float32]:
        shape, offset = self.outputs[name], self._offsets[name]
        end = offset + 4 * int(np.prod(shape))
        return buffer[offset:end].view(np.float32).reshape(shape).copy()


def _size(library: ctypes.CDLL, name: str, buffer: str) -> int:
    function = library[f"{name}_{buffer}_bytes"]
    function.argtypes, function.restype = [], ctypes.c_size_t
    return int(function())


def _aligned(size: int) -> npt.NDArray[np.uint8]:
    """A buffer of at least `size` bytes, at a multiple of the alignment."""
    frame = np.zeros(size + ALIGNMENT, np.uint8)
    start = -frame.ctypes.data % ALIGNMENT
    return frame[start : start + size]

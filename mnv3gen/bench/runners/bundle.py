"""Our own: the shared library of a bundle."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import read_bundle
from mnv3gen.execute.native import loaded, new_buffer


class Runner:
    """See `mnv3gen.bench.runners.serve`; `model` is a bundle's folder."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        self.bundle = read_bundle(model)
        self.entry = entry = self.bundle.entry
        sizes = {
            "input": entry.input_bytes,
            "output": entry.output_bytes,
            "workspace": entry.workspace_bytes,
        }
        self.buffers = [new_buffer(name, size) for name, size in sizes.items()]
        self.buffers[0].bytes[:] = np.frombuffer(data.tobytes(), np.uint8)
        self.library = contextlib.ExitStack()
        function = self.library.enter_context(loaded(self.bundle.library))[entry.symbol]
        function.argtypes = [ctypes.c_void_p] * 3
        function.restype = ctypes.c_int32
        self.run = functools.partial(function, *(each.address for each in self.buffers))

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """The tensors of the output buffer, once a call went well and kept within its buffers."""
        self.entry.check(self.run())
        for buffer in self.buffers:
            buffer.check()
        flat = self.buffers[1].bytes.view(np.float32)
        tensors = []
        for output in self.bundle.manifest.outputs:
            start = output.offset // flat.itemsize
            tensors.append(flat[start : start + int(np.prod(output.shape))])
        return tensors

"""The core's peak: a library whose function multiplies and adds in registers and does nothing else.

Timed like the networks, in the same rotation.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt


class Runner:
    """See `mnv3gen.bench.runners.serve`; `data` are the vectors that the function starts from."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        function = ctypes.CDLL(str(model)).peak
        function.argtypes = [ctypes.c_void_p]
        function.restype = None
        self.data = data.copy()
        self.run = functools.partial(function, self.data.ctypes.data)

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """What the function makes of its vectors."""
        return [self.data]

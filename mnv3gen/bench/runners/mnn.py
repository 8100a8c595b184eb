"""MNN: a model of its own converter, in float32 on every processor."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

OPTIONS = {"backend": "CPU", "numThread": 1, "precision": "high"}


class Runner:
    """See `mnv3gen.bench.runners.serve`."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        import MNN

        self.mnn: Any = MNN
        self.interpreter = MNN.Interpreter(str(model))
        self.session = self.interpreter.createSession(OPTIONS)
        self.interpreter.getSessionInput(self.session).copyFrom(self._tensor(data))
        self.names = outputs
        self.run = functools.partial(self.interpreter.runSession, self.session)

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """NCHW."""
        arrays = []
        for name in self.names:
            found = self.interpreter.getSessionOutput(self.session, name)
            array = np.zeros(found.getShape(), np.float32)
            copy = self._tensor(array)
            found.copyToHostTensor(copy)
            arrays.append(np.array(copy.getNumpyData()).reshape(array.shape))
        return arrays

    def _tensor(self, array: npt.NDArray[np.float32]) -> Any:
        mnn = self.mnn
        return mnn.Tensor(array.shape, mnn.Halide_Type_Float, array, mnn.Tensor_DimensionType_Caffe)

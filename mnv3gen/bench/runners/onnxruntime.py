"""onnxruntime: an ONNX model, its own optimizer on, the CPU provider."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt


class Runner:
    """See `mnv3gen.bench.runners.serve`."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self.binding = session.io_binding()
        self.binding.bind_cpu_input(session.get_inputs()[0].name, data)
        for name in outputs:
            self.binding.bind_output(name)
        self.run = functools.partial(session.run_with_iobinding, self.binding)

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """In the order of the model."""
        found: list[npt.NDArray[np.float32]] = self.binding.copy_outputs_to_cpu()
        return found

"""OpenVINO: an ONNX model on its CPU plugin, in float32 on every processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

OPTIONS = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_PRECISION_HINT": "f32",
}


class Runner:
    """See `mnv3gen.bench.runners.serve`."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        import openvino

        core = openvino.Core()
        compiled = core.compile_model(core.read_model(str(model)), "CPU", OPTIONS)
        self.count = len(compiled.outputs)
        self.request = compiled.create_infer_request()
        self.request.set_input_tensor(openvino.Tensor(data, shared_memory=True))
        self.data = data  # which the request reads
        self.run = self.request.infer

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """In the order of the model."""
        return [self.request.get_output_tensor(index).data for index in range(self.count)]

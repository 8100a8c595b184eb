"""LiteRT, formerly TensorFlow Lite: a .tflite file, the XNNPACK delegate that is its default."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt


class Runner:
    """See `mnv3gen.bench.runners.serve`."""

    def __init__(self, model: Path, data: npt.NDArray[np.float32], outputs: list[str]) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(model), num_threads=1)
        self.interpreter.allocate_tensors()
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], data)
        self.run = self.interpreter.invoke

    def outputs(self) -> list[npt.NDArray[np.float32]]:
        """In the order of the model."""
        details = self.interpreter.get_output_details()
        return [self.interpreter.get_tensor(each["index"]) for each in details]

"""onnxruntime to execute a `Graph` printed as ONNX: a judge that is not ours.

Batch normalization stays a node of its own and onnxruntime's optimizer is off, so that folding is
judged too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from mnv3gen.lower.onnx import to_onnx

__all__ = ["run_onnx", "to_onnx"]


def run_onnx(model: onnx.ModelProto, data: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
    """The outputs (1, h, w, c) for an input (h, w, c), on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {session.get_inputs()[0].name: data[np.newaxis].astype(np.float32)}
    outputs: list[npt.NDArray[np.float32]] = session.run(None, feed)
    return outputs

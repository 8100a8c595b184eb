"""Whether a graph computes what its ONNX file does, as others execute it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import Mnv3genError
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.onnx_import.input import OnnxInput
from mnv3gen.onnx_import.tensors import Tensor
from mnv3gen.weights_import.convolution import first_line

Array = npt.NDArray[Any]
TOLERANCE = 1e-4  # of the largest output


def check_same(
    model: Any,
    path: Path,
    data: OnnxInput,
    graph: Graph,
    weights: Mapping[str, Array],
    outputs: list[Tensor],
) -> tuple[str, float]:
    """Who executed the file on a seeded input, and the largest difference, of the largest output.

    onnxruntime does where it is installed, else onnx's own reference, in minutes for a large
    network. Mnv3genError if the difference is more than 1e-4: then we have read the file wrongly.
    """
    values = seeded_input(graph.input_shape)
    ours = list(run(graph, weights, values).values())
    order = (2, 0, 1) if data.memory == "chw" else (0, 1, 2)
    feed = {data.name: np.ascontiguousarray(values.transpose(order)[np.newaxis])}
    executor, theirs = _executed(model, path, feed)
    largest = max(float(np.abs(each).max()) for each in theirs)
    error = 0.0
    for tensor, mine, other in zip(outputs, ours, theirs, strict=True):
        same = mine.transpose(2, 0, 1) if tensor.memory == "chw" else mine
        difference = np.abs(same.ravel() - other.astype(np.float64).ravel())
        error = max(error, float(difference.max()) / max(largest, 1e-30))
    if not error <= TOLERANCE:
        raise Mnv3genError(
            f"{path}: read wrongly: its graph differs from {executor} by {error:.3g} of the "
            "largest output; please report the file"
        )
    return executor, error


def _executed(model: Any, path: Path, feed: dict[str, Array]) -> tuple[str, list[Array]]:
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return "onnx", ReferenceEvaluator(model).run(None, feed)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        return "onnxruntime", session.run(None, feed)
    except Exception as error:  # onnxruntime's errors share no base
        raise Mnv3genError(f"{path}: onnxruntime cannot run it: {first_line(error)}") from error

"""Whether a library computes what the reference executor computes, on the seeded input."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import machine_of
from mnv3gen.compile.manifest import Verification
from mnv3gen.errors import Mnv3genError
from mnv3gen.execute import Entry, execute
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.quantize import reference as integers
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.targets import Target

TOLERANCE = 1e-4  # of the largest absolute value of all outputs
# Between float32 and int8, the last bit of a sum may decide which element it becomes.
MIXED_TOLERANCE = 0.05


def expected_output(
    graph: Graph, weights: Mapping[str, npt.NDArray[Any]], seed: int
) -> list[npt.NDArray[np.float32]]:
    """The outputs (h, w, c) that the reference executor gives for the seeded input, in order."""
    outputs = run(graph, weights, seeded_input(graph.input_shape, seed))
    return [outputs[name].astype(np.float32) for name in graph.outputs]


def expected_integers(quantized: Quantized, seed: int) -> list[npt.NDArray[np.float32]]:
    """The same of the int8 reference."""
    data = seeded_input(quantized.graph.input_shape, seed)
    outputs = integers.run(quantized, data.astype(np.float32))
    return [outputs[name] for name in quantized.graph.outputs]


def tolerance_of(quantized: Quantized | None) -> float:
    """How far a library may be from its reference: an int8 one not at all."""
    if quantized is None:
        return TOLERANCE
    return MIXED_TOLERANCE if quantized.float_nodes else 0.0


def largest_change(
    outputs: list[npt.NDArray[np.float32]], exact: list[npt.NDArray[np.float32]]
) -> float:
    """The largest difference between two references, as a fraction of the largest exact output."""
    largest = max(float(np.abs(output).max()) for output in exact)
    pairs = zip(outputs, exact, strict=True)
    change = max(float(np.abs(output - right).max()) for output, right in pairs)
    return change / max(largest, float(np.finfo(np.float32).tiny))


def verify(
    library: Path,
    entry: Entry,
    offsets: list[int],
    target: Target,
    data: npt.NDArray[np.float32],
    expected: list[npt.NDArray[np.float32]],
    tolerance: float = TOLERANCE,
) -> Verification:
    """Run a library natively or emulated; Mnv3genError if an output is wrong.

    `offsets` are those of the outputs in the output buffer, in bytes.
    """
    execution = execute(library, entry, machine_of(target), data.tobytes())
    actual = np.frombuffer(execution.output, dtype=np.float32)
    error = largest_error(actual, offsets, expected)
    if not error <= tolerance:
        raise Mnv3genError(
            f"{library.name} computes wrong values: the largest difference to the reference is "
            f"{error:.3g} of the largest output, more than {tolerance:g} "
            f"(run by {execution.executor}); no bundle is written"
        )
    return Verification(executor=execution.executor, max_error=error)


def largest_error(
    actual: npt.NDArray[np.float32], offsets: list[int], expected: list[npt.NDArray[np.float32]]
) -> float:
    """The largest difference of any output value, as a fraction of the largest; NaN if any is."""
    largest = max(float(np.abs(output).max()) for output in expected)
    differences = []
    for offset, output in zip(offsets, expected, strict=True):
        start = offset // output.itemsize
        values = actual[start : start + output.size].astype(np.float64)
        differences.append(float(np.abs(values - output.ravel()).max()))
    return float(np.max(differences)) / max(largest, float(np.finfo(np.float32).tiny))

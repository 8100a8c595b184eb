"""What was built, and the manifest that records it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnv3gen import __version__
from mnv3gen.compile import cache
from mnv3gen.compile import manifest as manifests
from mnv3gen.compile.bundle import describe_files
from mnv3gen.compile.kernels import Kernels
from mnv3gen.compile.memory import MemoryPlan
from mnv3gen.compile.program import Program
from mnv3gen.compile.request import Request
from mnv3gen.compile.sources import expected_stride, output_buffer
from mnv3gen.compile.storage import count_stored
from mnv3gen.graph.graph import Graph
from mnv3gen.images import named

SEED = 0  # of the input that a bundle is checked with


@dataclass(frozen=True)
class Built:
    """`expected` has the reference executor's outputs (h, w, c) for the seeded input, in order.

    `tolerance` is how far the library may be from them, and `change` the largest difference that
    rounded weights or integers make to those of the network as it was, both of the largest.
    """

    graph: Graph
    kernels: Kernels
    plan: MemoryPlan
    expected: list[npt.NDArray[np.float32]]
    tolerance: float
    change: float = 0.0

    @property
    def program(self) -> Program:
        """The kernel calls in order."""
        return self.kernels.program


def record(
    request: Request, built: Built, verification: manifests.Verification | None, folder: Path
) -> manifests.Manifest:
    """The manifest of a bundle whose other files lie in `folder`."""
    program, plan = built.program, built.plan
    return manifests.Manifest(
        format=manifests.FORMAT,
        name=request.model.name,
        version=__version__,
        identity=request.identity,
        tools=cache.tool_versions(),
        network=request.model.text,
        target=request.target.to_manifest(),
        weights=_weights(request, built),
        quantization=_quantization(request, built),
        input=manifests.Input(
            shape=program.input_shape,
            dtype="float32",
            preprocess=named(request.model.preprocess),
        ),
        outputs=tuple(_outputs(request, built)),
        labels=request.labels,
        memory=manifests.Memory(
            arena_bytes=plan.arena_bytes,
            peak_alive_bytes=plan.peak_alive_bytes,
            weights_bytes=len(program.weights),
            offsets=plan.offsets,
        ),
        kernels=tuple(_kernels(built.kernels)),
        plan=tuple(_plan(built.kernels)),
        expected=_expected(built),
        verification=verification,
        files=describe_files(folder),
    )


def _outputs(request: Request, built: Built) -> Iterator[manifests.Output]:
    """Named by the table's labels, or else, as where every tensor is one, by their operators."""
    labels, names = request.model.outputs, built.graph.outputs
    names = labels if len(labels) == len(names) else names
    for name, output in zip(names, built.program.outputs, strict=True):
        yield manifests.Output(
            name=name, shape=_published(output.shape), dtype="float32", offset=output.offset
        )


def _published(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(1, channels) for what has one position, as classifiers are known; else NHWC."""
    return (shape[0], shape[-1]) if shape[1:-1] == (1, 1) else shape


def _kernels(kernels: Kernels) -> Iterator[manifests.KernelRecord]:
    calls = Counter(step.group.name for step in kernels.plan.steps)
    for step in {step.group.name: step for step in kernels.plan.steps}.values():
        yield manifests.KernelRecord(
            name=step.group.name,
            calls=calls[step.group.name],
            schedule=step.schedule.name,
            schedule_version=step.schedule.version,
            parameters=dict(step.choice.parameters),
            provenance=step.choice.provenance,
        )


def _weights(request: Request, built: Built) -> manifests.Weights:
    stored = count_stored(built.kernels.plan, request.storage)
    storage = manifests.Storage(
        choice=request.storage,
        float16=stored.float16,
        refused=stored.refused,
        change=built.change,
    )
    return manifests.Weights(
        source=request.weights_source, sha256=request.weights_hash, storage=storage
    )


def _quantization(request: Request, built: Built) -> manifests.Quantization | None:
    quantized = request.quantized
    if quantized is None:
        return None
    return manifests.Quantization(
        calibration=request.calibration,
        int8_nodes=len(quantized.graph.nodes) - len(quantized.float_nodes),
        float_nodes=tuple(sorted(quantized.float_nodes)),
        raised=len(quantized.raised),
        change=built.change,
        mixed=request.mixed,
    )


def _plan(kernels: Kernels) -> Iterator[manifests.PlanStep]:
    intervals = kernels.program.intervals
    for index, step in enumerate(kernels.plan.steps):
        group = step.group
        yield manifests.PlanStep(
            kernel=group.name,
            computes=tuple(kernel.name for kernel in group.kernels),
            reads=step.inputs,
            writes=step.tensors,
            shapes=tuple(group.kernels[number].output for number in group.writes),
            cost=round(step.cost),
            cost_apart=round(step.apart),
            prefetched_lines=step.ahead,
            alive_bytes=sum(it.bytes for it in intervals if it.first <= index <= it.last),
        )


def _expected(built: Built) -> manifests.Expected:
    buffer = output_buffer(built.program.outputs, built.expected)
    stride = expected_stride(buffer.size)
    return manifests.Expected(
        seed=SEED,
        stride=stride,
        values=tuple(buffer[::stride].tolist()),
        largest=float(np.abs(buffer).max()),
        tolerance=built.tolerance,
    )

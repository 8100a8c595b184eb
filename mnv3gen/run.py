"""Running a bundle: an input tensor in, named output tensors out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import Bundle
from mnv3gen.execute import Execution, executing
from mnv3gen.images import Ranked, top_classes

Outputs: TypeAlias = Mapping[str, npt.NDArray[np.float32]]
Run: TypeAlias = Callable[[npt.NDArray[np.float32]], tuple[Execution, Outputs]]


def run_bundle(
    bundle: Bundle, data: npt.NDArray[np.float32], executor: str = "auto"
) -> tuple[Execution, Outputs]:
    """Run a bundle on an input (h, w, c); its outputs by name, in the shapes of the manifest."""
    with running(bundle, executor) as run:
        return run(data)


@contextlib.contextmanager
def running(bundle: Bundle, executor: str = "auto") -> Iterator[Run]:
    """A function that runs a bundle as `run_bundle` does, for many inputs."""
    with executing(
        bundle.library, bundle.entry, bundle.machine, executor, program=bundle.benchmark
    ) as call:

        def run(data: npt.NDArray[np.float32]) -> tuple[Execution, Outputs]:
            execution = call(np.ascontiguousarray(data, dtype=np.float32).tobytes())
            return execution, _outputs(bundle, execution)

        yield run


def _outputs(bundle: Bundle, execution: Execution) -> Outputs:
    flat = np.frombuffer(execution.output, dtype=np.float32)
    outputs: dict[str, npt.NDArray[np.float32]] = {}
    for output in bundle.manifest.outputs:
        start = output.offset // flat.itemsize
        outputs[output.name] = flat[start : start + int(np.prod(output.shape))].reshape(
            output.shape
        )
    return outputs


def top_of(outputs: Outputs, count: int, labels: tuple[str, ...]) -> list[Ranked]:
    """The best classes of a classifier; empty if the network is none."""
    (first, *rest) = outputs.values()
    if rest or first.size != first.shape[-1]:
        return []
    return top_classes(first.ravel(), count, labels or None)


def save_outputs(outputs: Outputs, path: Path) -> None:
    """Write outputs as .npz, under a temporary name until it is whole."""
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **dict(outputs))  # type: ignore[arg-type]


@contextlib.contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)

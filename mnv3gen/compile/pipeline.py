"""From a request to a checked bundle."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnv3gen import __version__
from mnv3gen.compile import cache
from mnv3gen.compile import manifest as manifests
from mnv3gen.compile.bundle import (
    MANIFEST,
    Bundle,
    check_replaceable,
    describe_files,
    replacing,
)
from mnv3gen.compile.instructions import check_instructions
from mnv3gen.compile.kernels import Kernels, Observer, compile_kernels
from mnv3gen.compile.link import link_benchmark, link_library
from mnv3gen.compile.memory import MemoryPlan, plan_memory
from mnv3gen.compile.program import Program
from mnv3gen.compile.schedules import schedule_for
from mnv3gen.compile.sources import (
    WEIGHTS_FILE,
    expected_stride,
    output_buffer,
    write_benchmark,
    write_sources,
)
from mnv3gen.compile.verify import TOLERANCE, expected_output, verify
from mnv3gen.execute import Entry
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.images import named
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.targets import Target

SHIPPED = ("lib{name}.so", "lib{name}.a", "{name}.h", "{name}.c", "benchmark")
SEED = 0


@dataclass(frozen=True)
class Request:
    """What is to be compiled; `weights_source` says in the manifest where the weights are from."""

    network: Network
    target: Target
    weights: Mapping[str, npt.NDArray[np.float32]]
    weights_source: str
    labels: tuple[str, ...] = ()
    verify: bool = True

    @property
    def weights_hash(self) -> str:
        """SHA-256 over names, shapes and values."""
        digest = hashlib.sha256()
        for name, value in sorted(self.weights.items()):
            digest.update(f"{name} {value.shape} {value.dtype}\n".encode())
            digest.update(np.ascontiguousarray(value).data)
        return digest.hexdigest()

    @property
    def identity(self) -> str:
        """A short name of table and weights for the library's version string."""
        parts = format_network(self.network) + self.weights_hash
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    @property
    def key(self) -> str:
        """The key in the bundle cache."""
        target = self.target.to_manifest()
        target["core"] = {k: v for k, v in target["core"].items() if k != "clock_mhz"}  # it drifts
        return cache.key_of(
            [
                format_network(self.network),
                repr(sorted(target.items())),
                self.weights_hash,
                self.weights_source,
                repr(self.labels),
                str(self.verify),
            ]
        )


@dataclass
class Result:
    """The bundle and whether it came from the cache."""

    bundle: Bundle
    cached: bool
    warnings: list[str] = field(default_factory=list)


def compile_network(
    request: Request,
    folder: Path,
    observe: Observer = lambda phase: None,
    dump: Path | None = None,
    use_cache: bool = True,
) -> Result:
    """Make the bundle of a request at `folder`, from the cache if it was made before.

    `dump` is a folder for the IR after each phase, which is not cached. Raises InputError if
    `folder` holds something else, Mnv3genError if the result is wrong; then nothing is written.
    """
    check_replaceable(folder)
    key = request.key
    if use_cache and dump is None and (found := cache.find(key)) is not None:
        observe("copy from the cache")
        with replacing(folder) as fresh:
            cache.copy_bundle(found, fresh)
        return Result(Bundle(folder, found.manifest), cached=True)
    with replacing(folder) as fresh:
        manifest = _build(request, fresh, observe, dump)
    result = Result(Bundle(folder, manifest), cached=False)
    if use_cache:
        try:
            cache.store(key, result.bundle)
        except cache.CacheError as error:
            result.warnings.append(f"not cached: {error}")
    return result


def _build(
    request: Request, folder: Path, observe: Observer, dump: Path | None
) -> manifests.Manifest:
    """Compile, link and check in a temporary folder, then fill `folder`."""
    name, target = request.network.name, request.target
    graph = expand(request.network)
    with tempfile.TemporaryDirectory(prefix=".build.", dir=folder.parent) as temporary:
        build = Path(temporary)
        kernels = compile_kernels(
            graph, request.weights, target, name, build / "kernels.o", observe, dump
        )
        observe("plan-memory")
        plan = plan_memory(kernels.program.intervals)
        expected = expected_output(graph, request.weights, SEED)
        _write_sources(request, kernels, plan, expected, build)
        observe("link")
        library, _ = link_library(name, target, build)
        link_benchmark(name, target, build)
        observe("check-instructions")
        check_instructions(library, target)
        verification = None
        if request.verify:
            observe("verify")
            entry, offsets = _entry(name, kernels.program, plan)
            data = seeded_input(graph.input_shape, SEED)
            verification = verify(library, entry, offsets, target, data, expected)
        for file in SHIPPED:
            shutil.copy2(build / file.format(name=name), folder)
    manifest = _manifest(request, graph, kernels, plan, expected, verification, folder)
    text = manifests.encode(manifest)
    (folder / MANIFEST).write_bytes(text)
    return manifests.decode(text)


def _write_sources(
    request: Request,
    kernels: Kernels,
    plan: MemoryPlan,
    expected: list[npt.NDArray[np.float32]],
    build: Path,
) -> None:
    """The files that are compiled and linked with the kernels."""
    name, target, program = request.network.name, request.target.name, kernels.program
    labels = {
        "summary": request.target.description,
        "identity": f"{name} {request.identity} {target} mnv3gen {__version__}",
        "input_meaning": request.network.conventions.preprocess + " preprocessing",
    }
    sources = write_sources(name, target, labels, program, plan)
    sources["benchmark.c"] = write_benchmark(
        name, target, output_buffer(program.outputs, expected), TOLERANCE
    )
    for file, text in sources.items():
        (build / file).write_text(text, encoding="utf-8")
    (build / WEIGHTS_FILE).write_bytes(program.weights)


def _entry(name: str, program: Program, plan: MemoryPlan) -> tuple[Entry, list[int]]:
    """How the library is called, and where its outputs lie."""
    entry = Entry(f"{name}_run", program.input_bytes, program.output_bytes, plan.arena_bytes)
    return entry, [output.offset for output in program.outputs]


def _manifest(
    request: Request,
    graph: Graph,
    kernels: Kernels,
    plan: MemoryPlan,
    expected: list[npt.NDArray[np.float32]],
    verification: manifests.Verification | None,
    folder: Path,
) -> manifests.Manifest:
    program = kernels.program
    return manifests.Manifest(
        format=manifests.FORMAT,
        name=request.network.name,
        version=__version__,
        identity=request.identity,
        tools=cache.tool_versions(),
        network=format_network(request.network),
        target=request.target.to_manifest(),
        weights=manifests.Weights(source=request.weights_source, sha256=request.weights_hash),
        input=manifests.Input(
            shape=program.input_shape,
            dtype="float32",
            preprocess=named(request.network.conventions.preprocess),
        ),
        outputs=tuple(
            manifests.Output(
                name=name, shape=_published(output.shape), dtype="float32", offset=output.offset
            )
            for name, output in zip(graph.outputs, program.outputs, strict=True)
        ),
        labels=request.labels,
        memory=manifests.Memory(
            arena_bytes=plan.arena_bytes,
            peak_alive_bytes=plan.peak_alive_bytes,
            weights_bytes=len(program.weights),
            offsets=plan.offsets,
        ),
        kernels=tuple(_kernel_records(kernels)),
        expected=_expected(output_buffer(program.outputs, expected)),
        verification=verification,
        files=describe_files(folder),
    )


def _published(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(1, channels) for what has one position, as classifiers are known; else NHWC."""
    return (shape[0], shape[-1]) if shape[1:-1] == (1, 1) else shape


def _kernel_records(kernels: Kernels) -> Iterator[manifests.KernelRecord]:
    calls = Counter(step.kernel for step in kernels.program.steps)
    for name, kernel in kernels.kernels.items():
        schedule = schedule_for(kernel)
        yield manifests.KernelRecord(
            name=name,
            calls=calls[name],
            schedule=schedule.name,
            schedule_version=schedule.version,
            provenance="rule",
        )


def _expected(buffer: npt.NDArray[np.float32]) -> manifests.Expected:
    stride = expected_stride(buffer.size)
    return manifests.Expected(
        seed=SEED,
        stride=stride,
        values=tuple(buffer[::stride].tolist()),
        largest=float(np.abs(buffer).max()),
        tolerance=TOLERANCE,
    )

"""From a request to a checked bundle."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from mnv3gen import __version__
from mnv3gen.compile import cache
from mnv3gen.compile import manifest as manifests
from mnv3gen.compile.bundle import MANIFEST, Bundle, check_replaceable, replacing
from mnv3gen.compile.folders import temporary_folder
from mnv3gen.compile.instructions import check_instructions
from mnv3gen.compile.kernels import Observer, compile_kernels
from mnv3gen.compile.link import link_benchmark, link_library
from mnv3gen.compile.memory import plan_memory
from mnv3gen.compile.plan import FOUND, Plan
from mnv3gen.compile.record import SEED, Built, record
from mnv3gen.compile.request import Request
from mnv3gen.compile.schedules import FALLBACK
from mnv3gen.compile.sources import (
    WEIGHTS_FILE,
    output_buffer,
    write_benchmark,
    write_sources,
)
from mnv3gen.compile.verify import (
    expected_integers,
    expected_output,
    largest_change,
    tolerance_of,
    verify,
)
from mnv3gen.errors import InputError
from mnv3gen.execute import Entry
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.lower.round_weights import round_weights

SHIPPED = (
    "lib{name}.so",
    "lib{name}.a",
    "{name}.h",
    "{name}.c",
    "{name}-config.cmake",
    "benchmark",
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
    with replacing(folder) as fresh:
        if use_cache and dump is None:
            observe("look into the cache")
            if (found := cache.restore(request.key, fresh)) is not None:
                return Result(Bundle(folder, found.manifest), cached=True)
        manifest = _build(request, fresh, observe, dump)
    result = Result(Bundle(folder, manifest), cached=False)
    if use_cache:
        try:
            cache.store(request.key, result.bundle)
        except cache.CacheError as error:
            result.warnings.append(f"not cached: {error}")
    return result


def _build(
    request: Request, folder: Path, observe: Observer, dump: Path | None
) -> manifests.Manifest:
    """Compile, link and check in a temporary folder, then fill `folder`."""
    name, target = request.model.name, request.target
    with temporary_folder(folder, "build") as build:
        built = _compile(request, build, observe, dump)
        observe("link")
        library, _ = link_library(name, target, build)
        link_benchmark(name, target, build)
        observe("check-instructions")
        check_instructions(library, target)
        verification = None
        if request.verify:
            observe("verify")
            verification = _verify(request, built, library)
        for file in SHIPPED:
            shutil.copy2(build / file.format(name=name), folder)
    text = manifests.encode(record(request, built, verification, folder))
    (folder / MANIFEST).write_bytes(text)
    return manifests.decode(text)


def _compile(request: Request, build: Path, observe: Observer, dump: Path | None) -> Built:
    """Fill `build` with the kernels' object file, the C sources and the weights."""
    name, quantized = request.model.name, request.quantized
    graph, weights = _lowered(request)
    kernels = compile_kernels(
        graph,
        weights,
        request.target,
        name,
        build / f"{name}-kernels.o",
        observe,
        dump,
        tuned=request.tuned,
        storage=request.storage,
        quantized=quantized,
        layers_alone=request.layers_alone,
    )
    if request.require_tuned:
        _check_tuned(kernels.plan, "" if quantized is None else " --int8")
    observe("plan-memory")
    plan = plan_memory(kernels.program.intervals)
    expected = (
        expected_output(graph, weights, SEED)
        if quantized is None
        else expected_integers(quantized, SEED)
    )
    change = 0.0
    if quantized is not None or request.storage != "float32":
        exact = replace(request.model.graph, outputs=graph.outputs)
        change = largest_change(expected, expected_output(exact, request.weights, SEED))
    built = Built(graph, kernels, plan, expected, tolerance_of(quantized), change)
    _write_sources(request, built, build)
    return built


def _lowered(request: Request) -> tuple[Graph, Mapping[str, npt.NDArray[Any]]]:
    """The graph that is lowered, and its weights."""
    if request.quantized is not None:
        return request.quantized.graph, request.quantized.weights
    return round_weights(request.model.graph, request.weights, request.storage)


def _check_tuned(plan: Plan, option: str) -> None:
    """InputError if a kernel that could be tuned is not; `option` is what tune needs for it."""
    lacking = {
        step.group.name
        for step in plan.steps
        if (step.schedule.generates or step.schedule.name == FALLBACK)
        and step.choice.provenance not in (*FOUND, "fixed", "metaschedule")
    }
    if lacking:
        names = sorted(lacking)
        raise InputError(
            f"{len(names)} kernels have no tuning record for this core",
            place="--require-tuned",
            found=", ".join(names[:3]) + (", ..." if len(names) > 3 else ""),
            expected=f"a record of each: `mnv3gen tune{option}` makes them",
        )


def _write_sources(request: Request, built: Built, build: Path) -> None:
    """The files that are compiled and linked with the kernels."""
    name, target, program = request.model.name, request.target.name, built.program
    labels = {
        "summary": request.target.description,
        "identity": f"{name} {request.identity} {target} mnv3gen {__version__}",
        "input_meaning": request.model.preprocess + " preprocessing",
    }
    expected = output_buffer(program.outputs, built.expected)
    sources = write_sources(name, target, labels, program, built.plan)
    sources |= write_benchmark(name, target, expected, built.tolerance)
    for file, text in sources.items():
        (build / file).write_text(text, encoding="utf-8")
    (build / WEIGHTS_FILE).write_bytes(program.weights)


def _verify(request: Request, built: Built, library: Path) -> manifests.Verification:
    """Run the library on the seeded input."""
    program = built.program
    entry = Entry(
        symbol=f"{request.model.name}_run",
        input_bytes=program.input_bytes,
        output_bytes=program.output_bytes,
        workspace_bytes=built.plan.arena_bytes,
    )
    offsets = [output.offset for output in program.outputs]
    data = seeded_input(built.graph.input_shape, SEED)
    return verify(library, entry, offsets, request.target, data, built.expected, built.tolerance)

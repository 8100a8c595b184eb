"""What is timed: a network compiled for this machine, or a bundle as it is, and its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import Bundle, read_bundle
from mnv3gen.compile.kernels import Observer
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.compile.request import Request
from mnv3gen.errors import BundleError, InputError
from mnv3gen.execute import host
from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.model import Model, model_of
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.graph.text import is_graph
from mnv3gen.graph.weights import check_metadata, load_weights
from mnv3gen.onnx_import import Imported
from mnv3gen.quantize import reference
from mnv3gen.quantize.calibrate import measure_ranges
from mnv3gen.quantize.prepare import without_integers
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.targets import load

Array = npt.NDArray[np.float32]
# Takes a network and its weights, and says what the ranges come from too.
Quantize: TypeAlias = Callable[[Network | Model, Mapping[str, Array]], tuple[Quantized, str]]
SEEDED = "seed "  # what a manifest's source of random weights starts with


@dataclass(frozen=True)
class Subject:
    """A network with its weights, compiled; ``name`` is what a table calls it."""

    name: str
    bundle: Bundle
    graph: Graph
    weights: Mapping[str, Array]
    quantized: Quantized | None = None

    @property
    def madds(self) -> int:
        """Multiply-adds of one inference."""
        return count(self.graph).madds

    @cached_property
    def input(self) -> Array:
        """(h, w, c): the seeded input."""
        return seeded_input(self.graph.input_shape)

    @cached_property
    def expected(self) -> list[Array]:
        """(h, w, c) each: the outputs that the reference executor computes, in order."""
        if self.quantized is not None:
            integers = reference.run(self.quantized, self.input)
            return [integers[name] for name in self.graph.outputs]
        outputs = run(self.graph, self.weights, self.input)
        return [outputs[name].astype(np.float32) for name in self.graph.outputs]


def compiled(
    name: str,
    network: Network | Imported,
    weights: Path | None,
    seed: int,
    folder: Path,
    observe: Observer,
    quantize: Quantize | None = None,
    target: str = "host",
) -> Subject:
    """Compile a network, for this machine mostly, into a new folder, or take it from the cache.

    Without ``weights``, a safetensors file, they are random; an ONNX file has its own.
    ``quantize`` makes it int8. Raises as `check_metadata`, `load_weights`, `compile_network` and
    ``quantize``.
    """
    model, values, source = _given(network, weights, seed)
    graph = model_of(model).graph
    request = Request(model, load(target), values, source)
    quantized = None
    if quantize is not None:
        observe("calibrate")
        quantized, calibration = quantize(model, values)
        request = replace(request, quantized=quantized, calibration=calibration)
    bundle = compile_network(request, folder, observe).bundle
    return Subject(name, bundle, graph, values, quantized)


def quantized_by_seed(
    network: Network | Model, weights: Mapping[str, Array]
) -> tuple[Quantized, str]:
    """A `Quantize` without pictures: the ranges of a seeded input. Time does not depend on them."""
    graph = model_of(network).graph
    ranges, _ = measure_ranges(graph, weights, [seeded_input(graph.input_shape)], "minmax")
    return quantize_graph(graph, weights, ranges, without_integers(graph)), "a seeded input"


def _given(
    network: Network | Imported, weights: Path | None, seed: int
) -> tuple[Network | Model, Mapping[str, Array], str]:
    """What to compile, its weights, and where they are from."""
    if not isinstance(network, Network):
        if weights is not None:
            raise InputError(
                "an ONNX file has its own weights",
                place="--weights",
                found=weights,
                expected="none",
            )
        return network.network, network.weights, network.file
    graph = expand(network)
    if weights is None:
        return network, seeded_weights(graph, seed), f"{SEEDED}{seed}"
    check_metadata(weights, network.conventions)
    return network, load_weights(weights, graph), weights.name


def native_bundle(folder: Path) -> Bundle:
    """The bundle of a folder; BundleError if it is none, InputError if it does not run here."""
    bundle = read_bundle(folder)
    if (lack := host.lacks(bundle.machine)) is not None:
        raise InputError(
            "this bundle cannot be timed here",
            place=str(folder),
            found=f"compiled for {bundle.target.name}; {lack}",
            expected="a bundle for this processor, as by `mnv3gen compile --target host`",
        )
    return bundle


def opened(bundle: Bundle, weights: Path | None) -> Subject:
    """A bundle with the weights that it was compiled with: random ones, or those of the file.

    InputError if the file is needed, BundleError if the weights are others.
    """
    manifest, place = bundle.manifest, str(bundle.folder)
    if manifest.quantization is not None:
        raise InputError(
            "an int8 bundle does not say what scales the peers would need",
            place=place,
            expected="`mnv3gen bench NETWORK --int8`, or `mnv3gen compare` with a float32 bundle",
        )
    if is_graph(manifest.network):
        raise InputError(
            "a bundle of an ONNX file without a table; its peers run that file themselves",
            place=place,
            expected="a bundle of a network, or of a file whose blocks are a table's rows",
        )
    network = parse(manifest.network)
    graph, source = expand(network), manifest.weights.source
    if weights is not None:
        values = load_weights(weights, graph)
    elif source.startswith(SEEDED):
        values = seeded_weights(graph, int(source.removeprefix(SEEDED)))
    else:
        raise InputError(
            "the peers need the weights that this bundle was compiled with",
            place=place,
            found=f"compiled with {source}",
            expected="--weights with that file",
        )
    found = Request(network, bundle.target, values, source).weights_hash
    if found != manifest.weights.sha256:
        raise BundleError(
            "compiled with other weights",
            place=place,
            found=f"{weights or source}: sha256 {found[:16]}...",
            expected=f"{source}: sha256 {manifest.weights.sha256[:16]}...",
        )
    return Subject(manifest.name, bundle, graph, values)

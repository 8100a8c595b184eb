"""int8 bundles: every tensor equals the integer reference, natively and emulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.compiled import request_for, tiny
from support.integers import quantized_on_random, quantized_steep

from mnv3gen.compile.bundle import read_bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.errors import InputError
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.quantize import reference
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.run import run_bundle
from mnv3gen.tables.network import Network
from mnv3gen.tables.zoo import resolve

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

ZOO = {
    "mobilenet_v1": "32",
    "mobilenet_v2": "32",
    "mobilenet_v3_large": "40",
    "mobilenet_v3_small": "33",
    "mnasnet_a1": "32",
    "proxylessnas_mobile": "32",
    "ssdlite_mobilenet_v3_small": "64",
    "lraspp_mobilenet_v3_small": "64x96",
}


def outputs_of(
    network: Network, quantized: Quantized, target: str, folder: Path
) -> Mapping[str, Array]:
    request = replace(request_for(network, target), quantized=quantized, calibration="random")
    compile_network(request, folder, use_cache=False)
    data = seeded_input(quantized.graph.input_shape)
    return run_bundle(read_bundle(folder), data)[1]


def everything(quantized: Quantized) -> Quantized:
    """The same network, all of whose tensors are outputs."""
    names = tuple(node.name for node in quantized.graph.nodes)
    return replace(quantized, graph=replace(quantized.graph, outputs=names))


@pytest.mark.compile
@pytest.mark.parametrize("name", ZOO)
def test_every_tensor(name: str, tmp_path: Path) -> None:
    network = resolve(name, resolution=ZOO[name], width="0.5")
    quantized = everything(quantized_on_random(network))
    found = outputs_of(network, quantized, "host", tmp_path / "out")
    expected = reference.run(quantized, seeded_input(quantized.graph.input_shape))
    for ours, (name, theirs) in zip(found.values(), expected.items(), strict=True):
        np.testing.assert_array_equal(ours.ravel(), theirs.ravel(), err_msg=name)


@pytest.mark.emulate
@pytest.mark.parametrize("target", ["rpi5", "cortex-a53", "armv7"])
@pytest.mark.parametrize("whole", [True, False])
def test_on_arm(target: str, whole: bool, tmp_path: Path) -> None:
    quantized = quantized_on_random(tiny())
    quantized = everything(quantized) if whole else quantized
    found = outputs_of(tiny(), quantized, target, tmp_path / "out")
    expected = reference.run(quantized, seeded_input(quantized.graph.input_shape))
    for ours, (name, theirs) in zip(found.values(), expected.items(), strict=True):
        np.testing.assert_array_equal(ours.ravel(), theirs.ravel(), err_msg=name)


@pytest.mark.compile
def test_every_tensor_whose_sums_go_left(tmp_path: Path) -> None:
    network = resolve("mobilenet_v3_small", resolution="33", width="0.5")
    quantized = everything(quantized_steep(network))
    shifts = [shift for conv in lefts_of(quantized) for shift in quantized.convolution(conv).shift]
    assert min(shifts) < -2 and max(shifts) > 2
    found = outputs_of(network, quantized, "host", tmp_path / "out")
    expected = reference.run(quantized, seeded_input(quantized.graph.input_shape))
    for ours, (name, theirs) in zip(found.values(), expected.items(), strict=True):
        np.testing.assert_array_equal(ours.ravel(), theirs.ravel(), err_msg=name)


@pytest.mark.emulate
@pytest.mark.parametrize("target", ["rpi5", "cortex-a53", "armv7"])
def test_sums_that_go_left_on_arm(target: str, tmp_path: Path) -> None:
    quantized = everything(quantized_steep(tiny()))
    assert len(lefts_of(quantized)) > 2
    found = outputs_of(tiny(), quantized, target, tmp_path / "out")
    expected = reference.run(quantized, seeded_input(quantized.graph.input_shape))
    for ours, (name, theirs) in zip(found.values(), expected.items(), strict=True):
        np.testing.assert_array_equal(ours.ravel(), theirs.ravel(), err_msg=name)


def lefts_of(quantized: Quantized) -> list[str]:
    """The convolutions some of whose sums are shifted to the left."""
    names = (conv.name for conv in quantized.graph.convolutions)
    return [name for name in names if quantized.convolution(name).shifts_left]


@pytest.mark.compile
def test_the_library_is_a_third(tmp_path: Path) -> None:
    """At most 0.30 of the float32 one, whose size is that of its weights."""
    network = resolve("mobilenet_v3_small", resolution="32")
    sizes = []
    for number, quantized in enumerate((None, quantized_on_random(network))):
        request = replace(request_for(network), quantized=quantized)
        bundle = compile_network(request, tmp_path / str(number), use_cache=False).bundle
        sizes.append(bundle.library.stat().st_size)
    assert sizes[1] <= 0.3 * sizes[0]


def test_storage_is_int8() -> None:
    quantized = quantized_on_random(tiny())
    with pytest.raises(InputError, match="int8"):
        replace(request_for(tiny()), quantized=quantized, storage="fp16")

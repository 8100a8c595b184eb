"""`mnv3gen compare`: outputs, sizes and layers of two bundles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from support.command import Finished
from support.compiled import request_for, tiny
from support.integers import quantized_on_random

from mnv3gen.compare.layers import parts_of
from mnv3gen.compile.bundle import read_bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.graph.seeded import seeded_input
from mnv3gen.tables.zoo import resolve

pytestmark = pytest.mark.compile
Command = Callable[..., Finished]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float32 bundle, an int8 one, a fitting one of another network, and inputs."""
    folder = tmp_path_factory.mktemp("compare")
    request = request_for(tiny())
    compile_network(request, folder / "out", use_cache=False)
    integers = replace(request, quantized=quantized_on_random(tiny()))
    compile_network(integers, folder / "out8", use_cache=False)
    inputs = np.stack([seeded_input((20, 20, 3), seed) for seed in range(4)])
    np.savez(folder / "inputs.npz", inputs=inputs.astype(np.float32))
    return folder


def test_with_itself(command: Command, folder: Path) -> None:
    found = command(
        "compare", folder / "out", folder / "out", folder / "inputs.npz", "--no-time", "--json"
    ).json
    (output,) = found["outputs"]
    assert (output["positions"], output["agreeing"], output["largest"]) == (4, 4, 0.0)
    assert output["sqnr_db"] is None
    assert found["median_ms"] is None


def test_with_int8(command: Command, folder: Path) -> None:
    arguments = [folder / "out", folder / "out8", folder / "inputs.npz"]
    found = command("compare", *arguments, "--runs", 4, "--json").json
    assert [bundle["type"] for bundle in found["bundles"]] == ["float32", "int8"]
    assert found["pictures"] == 4
    assert found["outputs"][0]["sqnr_db"] > 10
    # stem, 2 x (expansion, depthwise, projection), 2 of squeeze-and-excite, classifier
    names = [name for layer in found["layers"] for name in layer["computes"]]
    assert sum(name.startswith(("conv", "dwconv")) for name in names) == 10
    assert all(time > 0 for layer in found["layers"] for time in layer["median_ms"])
    printed = command("compare", *arguments, "--limit", 2, "--runs", 4).out
    assert "on 2 pictures" in printed


def test_a_gate_counts_with_the_convolution_behind_it(folder: Path) -> None:
    """float32 computes both together, int8 one after the other."""
    plans = [read_bundle(folder / name).manifest for name in ("out", "out8")]
    (part,) = (
        part
        for part in parts_of(plans[0], plans[1])
        if any(name.startswith("gate") for name in part.computes)
    )
    calls = [
        [[name.partition("_")[0] for name in plan.plan[number].computes] for number in numbers]
        for plan, numbers in zip(plans, (part.first, part.second), strict=True)
    ]
    assert calls[0][0][:2] == ["gate", "conv1x1"]
    assert calls[1][:2] == [["gate"], ["conv1x1"]]


def test_a_network_without_convolutions_has_no_parts(folder: Path) -> None:
    manifest = read_bundle(folder / "out8").manifest
    gates = [step for step in manifest.plan if step.computes[0].startswith("gate")]
    assert gates
    bare = msgspec.structs.replace(manifest, plan=tuple(gates))
    assert parts_of(bare, bare) == []


def test_another_network(command: Command, folder: Path, tmp_path: Path) -> None:
    other = resolve("mobilenet_v3_small", resolution="32")
    compile_network(request_for(other), tmp_path / "other", use_cache=False)
    refused = command("compare", folder / "out", tmp_path / "other", folder / "inputs.npz")
    refused.refused("the input of the two bundles differ", "1x20x20x3")


def test_no_pictures(command: Command, folder: Path, tmp_path: Path) -> None:
    command("compare", folder / "out", folder / "out8", tmp_path).refused(str(tmp_path))

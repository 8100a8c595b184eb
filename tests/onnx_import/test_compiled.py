"""Graphs that no table makes, compiled and run: natively, emulated, in int8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from support.command import Finished
from support.graphs import every_operator
from support.onnx_models import OnnxModel

from mnv3gen.compile.bundle import read_bundle
from mnv3gen.compile.pipeline import compile_network
from mnv3gen.compile.request import Request
from mnv3gen.graph.model import Model
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.run import run_bundle
from mnv3gen.targets import load

Command = Callable[..., Finished]
TARGETS = [
    pytest.param("host", marks=pytest.mark.compile),
    pytest.param("arm_cpu", marks=pytest.mark.emulate),
    pytest.param("armv7", marks=pytest.mark.emulate),
]


@pytest.mark.parametrize("target", TARGETS)
def test_every_operator(tmp_path: Path, target: str) -> None:
    graph = every_operator()
    weights, data = seeded_weights(graph), seeded_input(graph.input_shape, seed=9)
    model = Model("every", graph, "imagenet", ("shares", "sums", "gates"))
    request = Request(model, load(target), weights, "seed 0", verify=False)
    compile_network(request, tmp_path / "out", use_cache=False)
    bundle = read_bundle(tmp_path / "out")
    assert bundle.manifest.network.startswith("graph: every\ninput: 29x20x3\n")
    _, outputs = run_bundle(bundle, data)
    assert list(outputs) == ["shares", "sums", "gates"]
    for found, expected in zip(outputs.values(), run(graph, weights, data).values(), strict=True):
        np.testing.assert_allclose(found.ravel(), expected.ravel(), atol=2e-6)
    assert outputs["shares"].sum() == pytest.approx(1, abs=1e-6)


def written(folder: Path) -> Path:
    """A classifier with what tables lack: strides that differ, a maximum, a softmax."""
    model = OnnxModel(("N", 3, "H", "W"))
    data = model.conv("x", 16, 3, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    data = model.add("HardSwish", model.batch_norm(data, 16))
    depthwise = {"strides": [2, 1], "pads": [1, 1, 1, 1], "group": 16}
    data = model.add("Relu", model.conv(data, 16, 1, 3, 3, **depthwise))
    data = model.add("MaxPool", data, kernel_shape=[2, 2], strides=[2, 2])
    data = model.add("Flatten", model.add("GlobalAveragePool", data))
    data = model.add("Gemm", data, model.weights(16, 5), model.weights(5))
    model.add("Softmax", data, axis=1)
    return model.written(folder)


@pytest.mark.compile
def test_from_file_to_outputs(command: Command, tmp_path: Path) -> None:
    path, bundle = written(tmp_path), tmp_path / "out"
    size = ("--input-shape", "24x16")
    made = command("compile", path, *size, "--target", "host", "-o", bundle, "--json").json
    assert made["by_tvm"] == 3
    data = seeded_input((24, 16, 3), seed=1)
    np.save(tmp_path / "x.npy", data)
    printed = command("run", bundle, tmp_path / "x.npy", "--json").json
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": data.transpose(2, 0, 1)[np.newaxis]})
    np.testing.assert_allclose(printed["outputs"], [expected], atol=1e-6)
    refused = command("bench", bundle, "--against", "onnxruntime")
    assert refused.code == 2
    assert "a bundle of an ONNX file without a table" in refused.err


@pytest.mark.compile
def test_int8_of_a_file(command: Command, tmp_path: Path) -> None:
    """What has no integer form stays in float32, and the shares stay near to the file's."""
    path, bundle = written(tmp_path), tmp_path / "out"
    inputs = np.stack([seeded_input((24, 16, 3), seed) for seed in range(20)])
    np.savez(tmp_path / "x.npz", x=inputs)
    options = ["--input-shape", "24x16", "--target", "host", "-o", bundle]
    int8 = ["--int8", "--calibration", tmp_path / "x.npz"]
    made = command("compile", path, *options, *int8, "--json").json
    assert (made["int8_nodes"], made["float_nodes"]) == (3, 3)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    opened = read_bundle(bundle)
    for data in inputs:
        (expected,) = session.run(None, {"x": data.transpose(2, 0, 1)[np.newaxis]})
        (found,) = run_bundle(opened, data)[1].values()
        assert np.abs(found - expected).max() < 0.02


def test_what_does_not_fit_a_file(command: Command, tmp_path: Path) -> None:
    path = written(tmp_path)
    size = ("--input-shape", "24x16")
    for arguments, said in (
        (["compile", path], "no fixed size"),
        (["compile", path, "--resolution", "32"], "an ONNX file has one form"),
        (["compile", path, *size, "--weights", "w.safetensors"], "has its own weights"),
        (["compile", "mobilenet_v3_small", *size], "options of an ONNX file"),
        (["compile", path, *size, "--int8"], "needs the ranges"),
        (["compile", tmp_path / "none.onnx"], "not a readable ONNX file"),
        (
            ["export", path, *size, "--format", "saved-table", "-o", tmp_path / "t.bneck"],
            "this network is no table",
        ),
    ):
        command(*arguments).refused(said)
    assert {each.name for each in tmp_path.iterdir()} == {"model.onnx"}


def test_export_of_a_file(command: Command, tmp_path: Path) -> None:
    options = ["--input-shape", "24x16", "--format", "onnx", "-o", tmp_path / "again.onnx"]
    assert command("export", written(tmp_path), *options).code == 0
    data = seeded_input((24, 16, 3), seed=1).transpose(2, 0, 1)[np.newaxis]
    found = []
    for path, name in ((tmp_path / "again.onnx", "input"), (tmp_path / "model.onnx", "x")):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        found.append(session.run(None, {name: data})[0].ravel())
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_describe_a_file(command: Command, tmp_path: Path) -> None:
    """The counts by hand: 3x3x3x16, 3x3x16 depthwise, 16x5, each with its biases."""
    path, size = written(tmp_path), ("--input-shape", "24x16")
    printed = command("describe", path, *size, "--json").json
    assert printed["params"] == 448 + 160 + 85
    assert printed["madds"] == 432 * 12 * 8 + 144 * 6 * 8 + 80
    assert len(printed["operators"]) == 6
    assert "no table: conv2d2 has strides that differ" in command("describe", path, *size).out
    command("describe", path, *size, "--plot", tmp_path / "x.svg").refused("no table")

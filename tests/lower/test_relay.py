"""Graph to Relay: what is written, and, where a TVM with Relay can be had, what Relay computes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.compiled import tiny
from support.graphs import every_operator
from support.real_relay import check_files, relay_python

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph, parameter_shapes
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.relay import Layout, to_relay
from mnv3gen.lower.relay_params import encode_params
from mnv3gen.tables.zoo import names, resolve

GOLDEN = Path(__file__).with_name("golden")
TOLERANCE = 1e-4  # of the largest output
SOME = {"mobilenet_v3_small": "NHWC", "lraspp_mobilenet_v2": "NCHW"}
EVERY = "MNV3GEN_EVERY_NETWORK"  # set: all of the zoo, ten minutes


def test_parameter_file() -> None:
    """The bytes that TVM 0.16's `save_param_dict` wrote of the same two arrays."""
    params: dict[str, npt.NDArray[Any]] = {
        "b": np.arange(8, dtype=np.float32),
        "a": np.ones((2, 3), np.int8),
    }
    assert encode_params(params) == (GOLDEN / "relay.params").read_bytes()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_text(layout: Layout) -> None:
    """The text that Relay parses, builds and runs in `test_relay_computes_our_outputs`."""
    graph = expand(tiny())
    text = to_relay(graph, seeded_weights(graph), layout).text
    assert text == (GOLDEN / f"tiny-{layout.lower()}.relay").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names())
def test_every_network_has_a_text(name: str) -> None:
    """Every variable is the input, a parameter or bound on a line above."""
    graph = expand(resolve(name, width="0.35", resolution=64))
    zeros = {it: np.zeros(shape, np.float32) for it, shape in parameter_shapes(graph).items()}
    model = to_relay(graph, zeros)
    head, main, *lines = model.text.splitlines()
    assert head == '#[version = "0.0.5"]'
    known = {"%input", *(f"%{name}" for name in model.params)}
    assert main.count(": Tensor[") == len(known)
    for line in lines[:-2]:
        bound, expression = line.strip().split(" = ", 1)
        assert set(re.findall("%[a-z0-9_]+", expression)) <= known
        known.add(bound)


@pytest.mark.relay
def test_relay_computes_our_outputs(tmp_path: Path) -> None:
    relay_python()
    graphs: list[tuple[Graph, Layout]] = [
        (every_operator(), "NCHW"),
        (every_operator(), "NHWC"),
        (expand(tiny()), "NCHW"),
        (expand(tiny()), "NHWC"),
    ]
    for name in names() if os.environ.get(EVERY) else SOME:
        network = resolve(name, resolution=64)
        graphs.append((expand(network), "NHWC" if SOME.get(name) == "NHWC" else "NCHW"))
    expected = [_written(tmp_path / f"{i}.relay", *each) for i, each in enumerate(graphs)]
    check_files(tmp_path)
    for number, outputs in enumerate(expected):
        found = np.load(tmp_path / f"{number}.npz")
        largest = max(float(np.abs(value).max()) for value in outputs)
        for name, value in zip(found.files, outputs, strict=True):
            assert found[name].shape == value.shape
            assert float(np.abs(found[name] - value).max()) <= TOLERANCE * largest


def _written(path: Path, graph: Graph, layout: Layout) -> list[npt.NDArray[np.float64]]:
    """Write a network for the checker; the outputs that are expected of it."""
    weights, data = seeded_weights(graph), seeded_input(graph.input_shape, seed=3)
    model = to_relay(graph, weights, layout)
    path.write_text(model.text, encoding="utf-8")
    path.with_suffix(".params").write_bytes(encode_params(model.params))
    order = (2, 0, 1) if layout == "NCHW" else (0, 1, 2)
    np.save(path.with_suffix(".npy"), np.ascontiguousarray(data.transpose(order)[np.newaxis]))
    outputs = run(graph, weights, data)
    return [value.transpose(order)[np.newaxis] for value in outputs.values()]

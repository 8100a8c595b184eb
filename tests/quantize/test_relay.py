"""int8 networks as Relay: what is written, and what a TVM with Relay computes."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.compiled import tiny
from support.integers import quantized_on_random, quantized_steep
from support.real_relay import check_files, relay_python

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import parameter_shapes
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.relay import Layout
from mnv3gen.lower.relay_params import encode_params
from mnv3gen.quantize import reference
from mnv3gen.quantize.folding import fold
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.quantized import Quantized, sums_name
from mnv3gen.quantize.relay import Rounding, to_int8_relay
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import names, resolve

GOLDEN = Path(__file__).with_name("golden")
ROUNDINGS: tuple[Rounding, ...] = ("exact", "relay")
EVERY = "MNV3GEN_EVERY_NETWORK"  # set: all of the zoo too
UNIT = 1  # what Relay's own rounding may differ by, of an operator

HEADS = """\
name: heads
input: 24x24x3
classes: 5
resize: half_pixel

From         Operator           exp size  #out  SE  NL  s  As
-            conv2d, 3x3               -     8   -  HS  2  -
-            bneck, 3x3               16     8   ✓  R6  1  -
-            bneck, 5x5               24    16   -  RE  2  -
-            conv2d, 1x1               -    16   -  RE  1  features
features     pool, 3x3/2x2             -     -   -   -  1  -
-            conv2d 1x1, NBN           -    16   -  SG  1  -
-, features  resize                    -     -   -   -  1  -
features, -  gate                      -     -   -   -  1  -
-            conv2d 1x1, NBN           -     k   -   -  1  -
"""
"""Windows that are averaged, a sigmoid by table, a resize and a gate of two maps."""


def quantized_by_hand(network: Network) -> Quantized:
    """Ranges that no calculation rounds, so that the text is the same everywhere."""
    graph, weights = fold(expand(network), seeded_weights(expand(network), 0))
    tensors = [graph.input, *(node.name for node in graph.nodes)]
    ranges = dict.fromkeys([*tensors, *map(sums_name, tensors)], (-4.0, 3.96875))
    return quantize_graph(graph, weights, ranges)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_text(rounding: Rounding) -> None:
    """Of operators that Relay parses, builds and computes as below."""
    text = to_int8_relay(quantized_by_hand(tiny()), "NCHW", rounding).text
    assert text == (GOLDEN / f"tiny-int8-{rounding}.relay").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_network_has_a_text(name: str, rounding: Rounding) -> None:
    """Every variable is the input, a parameter or bound on a line above; sums are of integers."""
    graph = expand(resolve(name, width="0.35", resolution=64))
    zeros = {it: np.zeros(shape, np.float32) for it, shape in parameter_shapes(graph).items()}
    folded, weights = fold(graph, zeros)
    tensors = [graph.input, *(node.name for node in folded.nodes)]
    ranges = dict.fromkeys([*tensors, *map(sums_name, tensors)], (-1.0, 1.0))
    model = to_int8_relay(quantize_graph(folded, weights, ranges), "NCHW", rounding)
    _, main, *lines = model.text.splitlines()
    known = {"%input", *(f"%{name}" for name in model.params)}
    assert main.count(": Tensor[") == len(known)
    for line in lines[:-2]:
        bound, expression = line.strip().split(" = ", 1)
        assert set(re.findall("%[a-z0-9_]+", expression)) <= known
        known.add(bound)
    assert model.text.count("= qnn.conv2d(") >= len(graph.convolutions)
    assert "= nn.conv2d(" not in model.text


@pytest.mark.relay
def test_relay_computes_our_elements(tmp_path: Path) -> None:
    """By the exact form every tensor is ours to the bit; by the other, each operator's within one.

    There an operator is given what Relay computed before it, so that no error is carried along.
    """
    relay_python()
    whole = _with_all_outputs(quantized_on_random(tiny()))
    mixed = _with_all_outputs(quantized_on_random(parse(HEADS), ["bneck1.depthwise"]))
    cases: list[tuple[Quantized, Layout, Rounding]] = [
        (whole, "NCHW", "exact"),
        (whole, "NHWC", "relay"),
        (mixed, "NHWC", "exact"),
        (mixed, "NCHW", "relay"),
        (_with_all_outputs(quantized_steep(tiny())), "NHWC", "exact"),
        (_with_all_outputs(quantized_steep(tiny())), "NCHW", "relay"),
    ]
    for number, case in enumerate(cases):
        _write(tmp_path / f"{number}-int8.relay", *case)
    check_files(tmp_path)
    for number, (quantized, layout, rounding) in enumerate(cases):
        found = _tensors(tmp_path / f"{number}-int8.npz", quantized, layout)
        data = seeded_input(quantized.graph.input_shape, seed=3)
        if rounding == "exact":
            for name, expected in reference.run(quantized, data).items():
                np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-6)
        else:
            _each_operator_within_a_unit(quantized, found, data)


@pytest.mark.relay
@pytest.mark.skipif(not os.environ.get(EVERY), reason=f"an hour in all; {EVERY}=1 runs it")
@pytest.mark.parametrize("name", names())
def test_relay_computes_every_network_to_the_bit(tmp_path: Path, name: str) -> None:
    relay_python()
    quantized = quantized_on_random(resolve(name, width="0.35", resolution=64))
    _write(tmp_path / "0-int8.relay", quantized, "NCHW", "exact")
    check_files(tmp_path, timeout=1500)
    found = _tensors(tmp_path / "0-int8.npz", quantized, "NCHW")
    data = seeded_input(quantized.graph.input_shape, seed=3)
    for output, expected in reference.run(quantized, data).items():
        np.testing.assert_array_equal(found[output], expected)


def _with_all_outputs(quantized: Quantized) -> Quantized:
    every = tuple(node.name for node in quantized.graph.nodes)
    return replace(quantized, graph=replace(quantized.graph, outputs=every))


def _write(path: Path, quantized: Quantized, layout: Layout, rounding: Rounding) -> None:
    model = to_int8_relay(quantized, layout, rounding)
    path.write_text(model.text, encoding="utf-8")
    path.with_suffix(".params").write_bytes(encode_params(model.params))
    data = seeded_input(quantized.graph.input_shape, seed=3)
    order = (2, 0, 1) if layout == "NCHW" else (0, 1, 2)
    np.save(path.with_suffix(".npy"), np.ascontiguousarray(data.transpose(order)[np.newaxis]))


def _tensors(
    path: Path, quantized: Quantized, layout: Layout
) -> dict[str, npt.NDArray[np.float32]]:
    """Relay's tensors by name, (h, w, c)."""
    found = np.load(path)
    order = (1, 2, 0) if layout == "NCHW" else (0, 1, 2)
    pairs = zip(quantized.graph.outputs, found.files, strict=True)
    return {name: found[file][0].transpose(order) for name, file in pairs}


def _each_operator_within_a_unit(
    quantized: Quantized, found: dict[str, npt.NDArray[np.float32]], data: npt.NDArray[np.float32]
) -> None:
    graph = quantized.graph
    known = found | {graph.input: data}
    for node in graph.nodes:
        if node.name in quantized.float_nodes:
            continue
        elements = [reference.as_int8(quantized, name, known[name]) for name in node.inputs]
        expected = reference.integer_tensors(quantized, node, elements)[node.name]
        if quantized.leaves_integers(node.name):
            np.testing.assert_allclose(found[node.name], expected, rtol=1e-6)
            continue
        theirs = reference.as_int8(quantized, node.name, found[node.name])
        distance = np.abs(theirs.astype(int) - expected)
        # The input's own elements may be theirs or ours.
        reads_input = graph.input in node.inputs
        assert distance.max() <= UNIT or (reads_input and (distance > UNIT).mean() < 0.01)

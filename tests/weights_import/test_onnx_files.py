"""ONNX files, whose tensors are found by what the graph's operators do with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.onnx_graph import run_onnx, to_onnx

from mnv3gen.errors import WeightsError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.fold import folded
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.tables.zoo import resolve
from mnv3gen.weights_import import import_weights

TINY = """\
input: 16x16x3
classes: 5
conv2d           -   8  -  HS  2
bneck, 3x3       16  8  8  RE  1
bneck, 5x5       32  16  -  HS  2
conv2d, 1x1      -   24  -  HS  1
pool             -   -  -  -   1
conv2d 1x1, NBN  -   k  -  -   1
"""


def anonymous(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with tensors that say nothing by their names, in another order."""
    new = {each.name: f"t{at}" for at, each in enumerate(reversed(model.graph.initializer))}
    for each in model.graph.initializer:
        each.name = new[each.name]
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
    initializers = list(model.graph.initializer)[::-1]
    del model.graph.initializer[:]
    model.graph.initializer.extend(initializers)
    return model


def without_bn(network: Network, weights: dict[str, Any]) -> onnx.ModelProto:
    """The model as exporters write it after folding: every convolution with a bias."""
    graph = expand(network)
    bare = replace(
        graph,
        nodes=tuple(
            replace(node, batch_norm=False) if node in graph.convolutions else node
            for node in graph.nodes
        ),
    )
    parts = {}
    for conv in graph.convolutions:
        parts[f"{conv.name}.weight"], parts[f"{conv.name}.bias"] = folded(
            conv, weights, graph.bn_eps
        )
    return to_onnx(bare, parts)


def written(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def error(network: Network, path: Path) -> float:
    """The largest difference from onnxruntime over the largest output."""
    graph = expand(network)
    data = seeded_input(graph.input_shape, seed=2)
    ours = run(graph, import_weights(path, network).weights, data)[graph.outputs[0]]
    theirs = run_onnx(onnx.load(path), data)[0]
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small"])
def test_batch_normalization_as_nodes(tmp_path: Path, name: str) -> None:
    network = resolve(name, resolution=64)
    model = to_onnx(expand(network), seeded_weights(expand(network)))
    assert error(network, written(anonymous(model), tmp_path / "n.onnx")) < 1e-4


def test_batch_normalization_folded(tmp_path: Path) -> None:
    network = resolve("mobilenet_v3_large", resolution=64)
    model = without_bn(network, seeded_weights(expand(network)))
    path = written(anonymous(model), tmp_path / "n.onnx")
    assert error(network, path) < 1e-4
    assert any("folded" in note for note in import_weights(path, network).notes)


def test_the_epsilon_of_the_file_is_honoured(tmp_path: Path) -> None:
    """A file with eps 0.1 for a table with 0.001: 10% and more of small variances."""
    network = parse(TINY)
    graph = replace(expand(network), bn_eps=0.1)
    path = written(to_onnx(graph, seeded_weights(graph)), tmp_path / "n.onnx")
    assert error(network, path) < 1e-5
    notes = import_weights(path, network).notes
    assert notes == ("BN epsilon 0.1 became the table's 0.001: gamma takes up the difference",)


def test_a_fully_connected_layer_as_gemm_and_as_matmul(tmp_path: Path) -> None:
    network = parse(TINY)
    graph = expand(network)
    weights = seeded_weights(graph)
    model = to_onnx(graph, weights)
    (last,) = [node for node in model.graph.node if "conv2d3.weight" in node.input]
    matrix = weights["conv2d3.weight"][:, :, 0, 0]
    at = list(model.graph.node).index(last)
    head = list(model.graph.node)[:at]
    flat = helper.make_node("Flatten", [last.input[0]], ["flat"])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5))
    for name, tensor, nodes in (
        ("gemm", matrix, [helper.make_node("Gemm", ["flat", "m", "b"], ["y"], transB=1)]),
        ("gemm-untransposed", matrix.T, [helper.make_node("Gemm", ["flat", "m", "b"], ["y"])]),
        (
            "matmul",
            matrix.T,
            [
                helper.make_node("MatMul", ["flat", "m"], ["product"]),
                helper.make_node("Add", ["b", "product"], ["y"]),
            ],
        ),
    ):
        constants = [
            each
            for each in model.graph.initializer
            if each.name not in ("conv2d3.weight", "conv2d3.bias")
        ]
        constants.append(numpy_helper.from_array(np.ascontiguousarray(tensor), "m"))
        constants.append(numpy_helper.from_array(weights["conv2d3.bias"], "b"))
        changed = helper.make_model(
            helper.make_graph(
                [*head, flat, *nodes], "n", list(model.graph.input), [output], constants
            ),
            opset_imports=model.opset_import,
            ir_version=model.ir_version,
        )
        imported = import_weights(written(changed, tmp_path / f"{name}.onnx"), network)
        assert np.array_equal(imported.weights["conv2d3.weight"][:, :, 0, 0], matrix)
        assert np.array_equal(imported.weights["conv2d3.bias"], weights["conv2d3.bias"])


def test_padding_is_read_from_the_file(tmp_path: Path) -> None:
    network = parse(TINY)
    symmetric = replace(network, conventions=replace(network.conventions, padding="symmetric"))
    graph = expand(symmetric)
    path = written(to_onnx(graph, seeded_weights(graph)), tmp_path / "n.onnx")
    with pytest.raises(WeightsError, match="onnx's padding is symmetric"):
        import_weights(path, network)
    assert import_weights(path, symmetric).metadata["padding"] == "symmetric"


def test_another_stride_is_refused(tmp_path: Path) -> None:
    """Strides change no shape of a tensor, only what is computed of it."""
    graph = expand(parse(TINY.replace("HS  2\nconv2d, 1x1", "HS  1\nconv2d, 1x1")))
    path = written(to_onnx(graph, seeded_weights(graph)), tmp_path / "n.onnx")
    with pytest.raises(WeightsError, match=r"is computed otherwise than bneck2\.depthwise"):
        import_weights(path, parse(TINY))


def test_quantized_models_are_refused(tmp_path: Path) -> None:
    graph = expand(parse(TINY))
    model = to_onnx(graph, seeded_weights(graph))
    model.graph.node[1].op_type = "ConvInteger"
    with pytest.raises(WeightsError, match="is quantized"):
        import_weights(written(model, tmp_path / "n.onnx"), parse(TINY))


@pytest.mark.parametrize("content", [b"", b"this is no model\n", b"\x08\x08"])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "n.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match="not a readable ONNX file"):
        import_weights(tmp_path / "n.onnx", parse(TINY))

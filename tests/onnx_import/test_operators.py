"""Windows, padding, axes and constants of ONNX; `import_onnx` compares with onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.graphs import every_operator
from support.onnx_graph import run_onnx
from support.onnx_models import OnnxModel

from mnv3gen.errors import InputError, ModelError
from mnv3gen.graph.graph import Conv2d, MaxPool, Node
from mnv3gen.graph.model import model_of
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.lower.onnx import to_onnx
from mnv3gen.onnx_import import Imported, import_onnx
from mnv3gen.tables.network import Network
from mnv3gen.tables.zoo import names, resolve


def imported(path: Path, **options: Any) -> tuple[Imported, tuple[Node, ...]]:
    found = import_onnx(path, **options)
    assert found.executor == "onnxruntime"
    assert found.error < 1e-5
    return found, model_of(found.network).graph.nodes


CLASSIFIERS = [name for name in names() if not name.startswith(("ssdlite", "raspp", "lraspp"))]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_tables_come_back(tmp_path: Path, name: str) -> None:
    """A table as ONNX, and the table again, with weights that compute the same."""
    network, fold = resolve(name, width="0.35", resolution=32), "small" in name
    path = tmp_path / f"{network.name}.onnx"
    model = to_onnx(model_of(network).graph, seeded_weights(model_of(network).graph), "NCHW", fold)
    path.write_bytes(model.SerializeToString())
    found, _ = imported(path, preprocess=network.conventions.preprocess)
    again = found.network
    assert isinstance(again, Network), found.reason
    assert [row.operator for row in again.rows] == [row.operator for row in network.rows]
    assert model_of(again).graph.nodes == model_of(network).graph.nodes
    graph, data = model_of(again).graph, seeded_input((32, 32, 3), seed=4)
    (ours,) = run(graph, found.weights, data).values()
    (theirs,) = run_onnx(
        to_onnx(model_of(network).graph, seeded_weights(model_of(network).graph)), data
    )
    assert abs(ours - theirs[0]).max() <= 2e-5 * abs(theirs).max()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_every_operator_comes_back(tmp_path: Path, layout: Any) -> None:
    graph = every_operator()
    path = tmp_path / "every.onnx"
    model = to_onnx(graph, seeded_weights(graph), layout, fold=layout == "NHWC")
    path.write_bytes(model.SerializeToString())
    found, nodes = imported(path)
    assert [type(node) for node in nodes] == [type(node) for node in graph.nodes]
    assert found.reason == "conv2d2 has strides that differ"


CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "kernel": {"kernel": (1, 3), "pads": [0, 1, 0, 1]},
    "strides": {"kernel": (3, 3), "strides": [2, 1]},
    "even": {"kernel": (2, 2), "pads": [0, 0, 1, 1]},
    "dilated": {"kernel": (5, 1), "dilations": [2, 1], "pads": [4, 0, 4, 0]},
    "upper": {"kernel": (3, 3), "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "lower": {"kernel": (3, 5), "auto_pad": "SAME_LOWER", "strides": [2, 3]},
    "valid": {"kernel": (3, 3), "auto_pad": "VALID"},
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_windows_of_convolutions(tmp_path: Path, name: str) -> None:
    fields = dict(CONVOLUTIONS[name])
    kernel = fields.pop("kernel")
    model = OnnxModel((1, 4, 13, 11))
    dense = model.conv("x", 6, 4, *kernel, **fields)
    depthwise = model.conv("x", 4, 1, *kernel, group=4, **fields)
    imported(model.written(tmp_path, dense, depthwise))


def test_pad_goes_into_the_convolution(tmp_path: Path) -> None:
    model = OnnxModel()
    pads = model.constant([0, 0, 1, 2, 0, 0, 0, 3], np.int64, node=True)
    model.conv(model.add("Pad", "x", pads), 8, 3, 3, 3, pads=[0, 0, 1, 0])
    _, (conv,) = imported(model.written(tmp_path))
    assert isinstance(conv, Conv2d)
    assert conv.padding == (1, 2, 1, 3)


POOLS: dict[str, tuple[str, dict[str, Any]]] = {
    "max": ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}),
    "max, cut": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    "max, none": ("MaxPool", {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1}),
    "average": ("AveragePool", {"kernel_shape": [3, 2], "strides": [2, 2]}),
    "average, padded": (
        "AveragePool",
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    "average of all": ("AveragePool", {"kernel_shape": [12, 10]}),
    "largest of all": ("GlobalMaxPool", {}),
    "mean": ("ReduceMean", {"axes": [-1, 2]}),
    "mean, flat": ("ReduceMean", {"axes": [2, 3], "keepdims": 0}),
}


@pytest.mark.parametrize("name", POOLS)
def test_pools(tmp_path: Path, name: str) -> None:
    operator, attributes = POOLS[name]
    model = OnnxModel()
    model.add(operator, model.conv("x", 8, 3, 1, 1), **attributes)
    imported(model.written(tmp_path))


def test_a_pool_that_keeps_no_infinity(tmp_path: Path) -> None:
    """Negative values under a padded maximum: padding is never the largest."""
    model = OnnxModel()
    low = model.add("Sub", model.conv("x", 8, 3, 1, 1), model.constant(50))
    model.add("MaxPool", low, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    _, nodes = imported(model.written(tmp_path))
    assert isinstance(nodes[-1], MaxPool)


def gemm(model: OnnxModel, data: str, **attributes: Any) -> str:
    rows = (5, 8) if attributes.get("transB") else (8, 5)
    return model.add("Gemm", data, model.weights(*rows), model.weights(5), **attributes)


def by_shape_arithmetic(model: OnnxModel, data: str) -> str:
    """What torch writes for `x.view(x.size(0), -1)`, and paddle with casts."""
    size = model.add("Gather", model.add("Shape", data), model.constant(0, np.int64))
    rest = model.constant([-1], np.int64, node=True)
    first = model.add("Unsqueeze", size, model.constant([0], np.int64))
    first = model.add("Cast", model.add("Cast", first, to=6), to=7)
    return model.add("Reshape", data, model.add("Concat", first, rest, axis=0))


ENDS: dict[str, Callable[[OnnxModel, str], str]] = {
    "flatten, gemm": lambda m, x: gemm(m, m.add("Flatten", x), transB=1, alpha=0.5, beta=2.0),
    "shape arithmetic": lambda m, x: gemm(m, by_shape_arithmetic(m, x)),
    "squeezed": lambda m, x: gemm(m, m.add("Squeeze", x, m.constant([2, 3], np.int64))),
    "matmul": lambda m, x: m.add(
        "Add",
        m.add("MatMul", m.add("Reshape", x, m.constant([0, -1], np.int64)), m.weights(8, 5)),
        m.weights(5),
    ),
    "softmax": lambda m, x: m.add("Softmax", gemm(m, m.add("Flatten", x)), axis=-1),
    "dropout": lambda m, x: m.add("Dropout", gemm(m, m.add("Flatten", m.add("Identity", x)))),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(tmp_path: Path, name: str) -> None:
    model = OnnxModel()
    ENDS[name](model, model.add("GlobalAveragePool", model.conv("x", 8, 3, 3, 3)))
    _, nodes = imported(model.written(tmp_path))
    layers = [node for node in nodes if isinstance(node, Conv2d)]
    assert [node.shape for node in layers][1:] == [(1, 1, 5)]


@pytest.mark.parametrize("order", [None, [0, 2, 3, 1]])
def test_a_layer_over_a_whole_map(tmp_path: Path, order: list[int] | None) -> None:
    """Flattened from NCHW or from NHWC: a convolution as large as the map."""
    model = OnnxModel()
    data = model.conv("x", 8, 3, 3, 3, strides=[2, 3])
    data = model.add("Transpose", data, perm=order) if order else data
    model.add("Gemm", model.add("Flatten", data), model.weights(5 * 3 * 8, 4), model.weights(4))
    _, (_, layer) = imported(model.written(tmp_path))
    assert isinstance(layer, Conv2d)
    assert (layer.kernel, layer.padding) == (5, (0, 0, 0, 2))


def test_an_nhwc_network(tmp_path: Path) -> None:
    """As converters from TensorFlow write it."""
    model = OnnxModel((1, 12, 10, 3))
    data = model.add("Transpose", "x", perm=[0, 3, 1, 2])
    model.add("Transpose", model.add("Relu", model.conv(data, 8, 3, 3, 3)), perm=[0, 2, 3, 1])
    _, (conv,) = imported(model.written(tmp_path))
    assert conv.shape == (10, 8, 8)


def test_joins(tmp_path: Path) -> None:
    model = OnnxModel()
    first, second = model.conv("x", 4, 3, 1, 1), model.conv("x", 4, 3, 1, 1)
    total = model.add("Sub", first, second)
    joined = model.add("Concat", model.add("Add", total, first), second, axis=1)
    sizes = model.constant([1, 8, 24, 25], np.int64)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"}
    model.add("Resize", joined, "", "", sizes, **attributes)
    imported(model.written(tmp_path, model.nodes[-1].output[0], total))


def test_open_sizes(tmp_path: Path) -> None:
    model = OnnxModel(("N", 3, "H", "W"))
    model.add("GlobalAveragePool", model.conv("x", 8, 3, 3, 3))
    path = model.written(tmp_path)
    found, _ = imported(path, input_shape="17x9")
    assert model_of(found.network).graph.input_shape == (17, 9, 3)
    for size, said in (
        (None, r"no fixed size[\s\S]*\?x\?x3"),
        ("17", "not an input's shape"),
        ("17x9x4", "another size than the file's"),
        ("17x9000", "input out of range"),
        ("2x2", "makes a map of 0x0"),
    ):
        with pytest.raises(InputError, match=said):
            import_onnx(path, size)


REFUSED: dict[str, tuple[Callable[[OnnxModel], str], str]] = {
    "lacking": (
        lambda m: m.add("Relu", m.add("LeakyRelu", m.add("Erf", m.conv("x", 8, 3, 3, 3)))),
        r"2 operators that mnv3gen lacks[\s\S]*Erf t1 of 1x8x10x8\n +LeakyRelu t2 of 1x8x10x8",
    ),
    "grouped": (lambda m: m.conv(m.conv("x", 8, 3, 1, 1), 8, 4, 1, 1, group=2), "2 groups"),
    "weights": (lambda m: m.add("Conv", "x", "x"), "weights that are no constant"),
    "dilations": (lambda m: m.conv("x", 8, 3, 3, 3, dilations=[1, 2]), "dilations that differ"),
    "axis": (lambda m: m.add("Softmax", m.conv("x", 8, 3, 1, 1), axis=2), "another axis"),
    "means": (
        lambda m: m.add(
            "AveragePool", m.conv("x", 8, 3, 1, 1), kernel_shape=[3, 3], pads=[1, 1, 1, 1]
        ),
        "leaves padding out of its means",
    ),
    "pad": (
        lambda m: m.add("Relu", m.add("Pad", "x", m.constant([0] * 7 + [1], np.int64))),
        "reads a tensor that Pad has made",
    ),
    "constant": (lambda m: m.add("Add", "x", m.weights(1, 3, 12, 1)), "neither one number"),
    "nearest": (
        lambda m: m.add("Resize", "x", "", "", m.constant([1, 3, 24, 20], np.int64)),
        "interpolates otherwise",
    ),
    "order": (lambda m: m.add("Transpose", "x", perm=[0, 1, 3, 2]), "orders axes otherwise"),
    "input": (lambda m: m.add("Identity", "x"), "has its input as an output"),
    "zero": (lambda m: m.add("Div", "x", m.constant(0)), "divides by a tensor or by zero"),
    "nan": (lambda m: m.add("Add", "x", m.constant(np.nan)), "a constant that is no number"),
    "crossed": (lambda m: m.add("Clip", "x", m.constant(2), m.constant(1)), "clips to nothing"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(tmp_path: Path, name: str) -> None:
    build, said = REFUSED[name]
    model = OnnxModel()
    build(model)
    with pytest.raises(ModelError, match=said):
        import_onnx(model.written(tmp_path))


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x08"])
def test_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        import_onnx(path)
    with pytest.raises(ModelError, match="not a readable ONNX file"):
        import_onnx(tmp_path / "missing.onnx")

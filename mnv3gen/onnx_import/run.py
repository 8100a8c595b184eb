"""An ONNX file to a `Model` and its weights."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import ModelError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph, Node
from mnv3gen.graph.model import Model
from mnv3gen.onnx_import.check import check_same
from mnv3gen.onnx_import.draft import INPUT
from mnv3gen.onnx_import.input import find_input, pinned
from mnv3gen.onnx_import.recognise import recognised
from mnv3gen.onnx_import.simplify import simplified
from mnv3gen.onnx_import.table import Table, table_of
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import name_of
from mnv3gen.weights_import.convolution import SourceConvolution
from mnv3gen.weights_import.onnx_file import load_model
from mnv3gen.weights_import.parameters import parameters

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Imported:
    """A network that came from an ONNX file.

    `network` is its table where its blocks are a table's rows, else the graph alone, and `reason`
    says why. `weights` are those of `network`, `file` is the file's name. `executor` computed the
    file on a seeded input, and `error` is the largest difference to the graph, of the largest
    output.
    """

    network: Network | Model
    weights: dict[str, npt.NDArray[np.float32]]
    file: str
    reason: str
    executor: str
    error: float

    @property
    def name(self) -> str:
        """The network's name, a C identifier."""
        return self.network.name


def import_onnx(
    path: Path, input_shape: str | None = None, preprocess: str = "imagenet", check: bool = True
) -> Imported:
    """Read a network of an ONNX file, and compare the graph with the file on a seeded input.

    `input_shape` is "48x192", height by width, for a file that leaves it open. ModelError for a
    file that cannot be read or has an operator that we lack, InputError for an unfit shape,
    Mnv3genError if what was read is not what the file computes.
    """
    model = load_model(path, ModelError)
    data = find_input(model, path)
    shape = pinned(data, input_shape, path)
    reading, outputs = recognised(model, path, data, shape)
    nodes, values, names = simplified(reading.draft, [each.base for each in outputs])
    if len(set(names)) != len(names):
        raise ModelError("has one output twice", place=str(path), found=", ".join(names))
    name = name_of(path.stem)
    graph = _renamed(Graph(name, INPUT, shape, tuple(nodes), tuple(names)))
    old = {before.name: after.name for before, after in zip(nodes, graph.nodes, strict=True)}
    weights = {_parameter(key, old): _single(value, path) for key, value in values.items()}
    executor, error = "", 0.0
    if check:
        executor, error = check_same(model, path, data, graph, weights, outputs)
    labels = tuple(_label(each.name) for each in model.graph.output)
    made = Model(name, graph, preprocess, labels if len(set(labels)) == len(labels) else ())
    table = table_of(graph, preprocess)
    if isinstance(table, str):
        return Imported(made, weights, path.name, table, executor, error)
    return Imported(table.network, _of_table(table, weights), path.name, "", executor, error)


def _of_table(
    table: Table, weights: dict[str, npt.NDArray[np.float32]]
) -> dict[str, npt.NDArray[np.float32]]:
    """The weights as the table's graph has them: a bias is a batch normalization that adds it."""
    graph = expand(table.network)
    ours = {theirs: name for name, theirs in table.names.items()}
    values: dict[str, npt.NDArray[np.float32]] = {}
    for conv in graph.convolutions:
        name = ours[conv.name]
        source = SourceConvolution(name, weights[f"{name}.weight"], weights[f"{name}.bias"])
        for part, value in parameters(conv, source, graph.bn_eps, graph.bn_eps).items():
            values[f"{conv.name}.{part}"] = value
    return values


def _renamed(graph: Graph) -> Graph:
    """The nodes numbered by kind in their order, which merging has left with gaps."""
    counts: dict[str, int] = {}
    names = {INPUT: INPUT}
    nodes: list[Node] = []
    for node in graph.nodes:
        kind = re.sub("[0-9]+$", "", node.name)
        counts[kind] = counts.get(kind, 0) + 1
        names[node.name] = f"{kind}{counts[kind]}"
        inputs = tuple(names[each] for each in node.inputs)
        nodes.append(replace(node, name=names[node.name], inputs=inputs))
    outputs = tuple(names[each] for each in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


def _parameter(key: str, names: dict[str, str]) -> str:
    node, part = key.rsplit(".", 1)
    return f"{names[node]}.{part}"


def _single(value: npt.NDArray[np.float64], path: Path) -> npt.NDArray[np.float32]:
    if not np.all(np.abs(value) <= LARGEST):
        raise ModelError("has weights too large for float32", place=str(path))
    return np.ascontiguousarray(value, np.float32)


def _label(name: str) -> str:
    return re.sub("[^A-Za-z0-9_]+", "_", name)[:64] or "output"

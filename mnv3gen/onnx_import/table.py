"""A graph to its table, where every operator is part of a row: the inverse of `expand`.

Rows are read off the operators in their order, under each padding convention in turn; a table
counts only if `expand` makes the very same graph of it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from mnv3gen.errors import TableError
from mnv3gen.graph.expand import ACTIVATIONS, expand
from mnv3gen.graph.graph import (
    Activation,
    Add,
    AveragePool,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    Node,
)
from mnv3gen.tables.network import Conventions, Network, Row

LETTERS: dict[Activation, str] = {activation: name for name, activation in ACTIVATIONS.items()}
PADDINGS = ("same", "symmetric")
FREE = ("name", "inputs", "row", "batch_norm")  # what may differ between the two graphs


@dataclass(frozen=True)
class Table:
    """A network, and for each of the graph's nodes what `expand` calls it."""

    network: Network
    names: dict[str, str]


class _NoTableError(Exception):
    """Why an operator is part of no row."""


def table_of(graph: Graph, preprocess: str) -> Table | str:
    """The table of a graph, or the reason why it has none."""
    try:
        rows, gate = _rows(graph)
    except _NoTableError as error:
        return str(error)
    reason = ""
    for padding in PADDINGS:
        conventions = Conventions(padding=padding, preprocess=preprocess, gate=gate)
        classes = graph.shape(graph.outputs[-1])[2]
        try:
            network = Network(graph.name, *graph.input_shape, classes, rows, conventions)
            names = _matched(graph, expand(network))
        except (TableError, _NoTableError) as error:
            reason = reason or str(error).replace("\n", " ")
            continue
        return Table(network, names)
    return reason


def _rows(graph: Graph) -> tuple[tuple[Row, ...], str]:
    reader = _Rows(graph)
    rows = list(reader.rows())
    if len(graph.outputs) != 1:
        raise _NoTableError(f"it has {len(graph.outputs)} outputs")
    last = rows[-1]
    if last.operator == "conv2d":
        rows[-1] = replace(last, per_class=1)
    return tuple(rows), reader.gate


class _Rows:
    """The nodes still to read, and the tensor that the row before has made."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = list(graph.nodes)
        self.at = 0
        self.tensor = graph.input
        self.gate = "hard_sigmoid"
        self.pooled = False

    def rows(self) -> Iterator[Row]:
        while self.at < len(self.nodes):
            yield self._row()

    def _row(self) -> Row:
        node = self._next()
        match node:
            case GlobalPool():
                self.pooled = True
                return Row("pool", 0, 0, 0, 0, "", 1)
            case AveragePool():
                sides, strides = node.window, node.strides
                return Row("pool", 0, 0, 0, 0, "", 1, window=sides, strides=strides)
            case Conv2d() if node.along:
                raise _NoTableError(f"{node.name} has strides that differ")
            case Conv2d() if node.depthwise:
                return self._bneck(None, node)
            case Conv2d():
                following = self._peek()
                widens = node.kernel == 1 and node.shape[2] > node.in_channels
                if widens and isinstance(following, Conv2d) and following.depthwise:
                    start, tensor = self.at, self.tensor
                    self.at += 1
                    try:
                        self._advance(following)
                        return self._bneck(node, following)
                    except _NoTableError:
                        self.at, self.tensor = start, tensor
                squeeze = self._squeeze()
                return self._convolution("conv2d", node, squeeze)
        raise _NoTableError(f"no row has a {type(node).__name__} such as {node.name}")

    def _bneck(self, expand_: Conv2d | None, depthwise: Conv2d) -> Row:
        """A bneck, or a mere depthwise convolution if no linear projection follows."""
        start, tensor = self.at, self.tensor
        squeeze = self._squeeze()
        project = self._peek()
        if not isinstance(project, Conv2d) or self.pooled or not _is_projection(project):
            if expand_ is not None or squeeze:
                raise _NoTableError(f"{depthwise.name} is followed by no projection")
            self.at, self.tensor = start, tensor
            return self._convolution("dw", depthwise, 0)
        if expand_ is not None and expand_.activation != depthwise.activation:
            raise _NoTableError(f"{expand_.name} and {depthwise.name} have different activations")
        self.at += 1
        self._advance(project)
        added = self._peek()
        if isinstance(added, Add) and project.name in added.inputs:
            self.at += 1
            self.tensor = added.name
        return Row(
            "bneck",
            depthwise.kernel,
            depthwise.in_channels,
            project.shape[2],
            squeeze,
            self._letters(depthwise),
            depthwise.stride,
            dilation=depthwise.dilation,
        )

    def _convolution(self, operator: str, conv: Conv2d, squeeze: int) -> Row:
        dense = operator == "conv2d"
        return Row(
            operator,
            conv.kernel,
            0,
            conv.shape[2] if dense else 0,
            squeeze,
            self._letters(conv),
            conv.stride,
            batch_norm=not (dense and self.pooled),
            dilation=conv.dilation,
        )

    def _squeeze(self) -> int:
        """The width of a squeeze-and-excite that follows; 0 if none does."""
        parts = self.nodes[self.at : self.at + 4]
        match parts:
            case [GlobalPool() as pool, Conv2d() as reduce, Conv2d() as excite, Gate() as gate] if (
                pool.inputs == (self.tensor,) and gate.inputs == (self.tensor, excite.name)
            ):
                if reduce.activation != "relu":
                    raise _NoTableError(f"{reduce.name} is no ReLU")
                self.gate = excite.activation
                self.at += 4
                self.tensor = gate.name
                return reduce.shape[2]
        return 0

    def _letters(self, conv: Conv2d) -> str:
        if conv.activation not in LETTERS:
            raise _NoTableError(f"no row has the activation {conv.activation} of {conv.name}")
        return LETTERS[conv.activation]

    def _next(self) -> Node:
        node = self.nodes[self.at]
        self.at += 1
        self._advance(node)
        return node

    def _advance(self, node: Node) -> None:
        if node.inputs != (self.tensor,):
            raise _NoTableError(f"{node.name} does not read what is before it")
        self.tensor = node.name

    def _peek(self) -> Node | None:
        return self.nodes[self.at] if self.at < len(self.nodes) else None


def _is_projection(conv: Conv2d) -> bool:
    return conv.kernel == 1 and not conv.depthwise and conv.activation == "none"


def _matched(graph: Graph, expanded: Graph) -> dict[str, str]:
    """What the expanded graph calls each node, if the two are the same but for names."""
    if len(graph.nodes) != len(expanded.nodes):
        raise _NoTableError("its residuals are not where a bneck has them")
    names = {graph.input: expanded.input}
    for ours, theirs in zip(graph.nodes, expanded.nodes, strict=True):
        names[ours.name] = theirs.name
        inputs = tuple(names.get(name, "") for name in ours.inputs)
        if type(ours) is not type(theirs) or inputs != theirs.inputs or not _alike(ours, theirs):
            raise _NoTableError(f"{ours.name} is no part of a row")
    return names


def _alike(ours: Node, theirs: Node) -> bool:
    return all(
        getattr(ours, each.name) == getattr(theirs, each.name)
        for each in fields(ours)
        if each.name not in FREE
    )

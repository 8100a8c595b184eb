"""`Model`: what is compiled and exported, whether it comes from a table or from somebody's file."""

from __future__ import annotations

from dataclasses import dataclass

from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.graph.text import format_graph
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network


@dataclass(frozen=True)
class Model:
    """A graph with its name, a C identifier, and how a picture becomes its input.

    `outputs` are what a user calls the outputs, () where the operators' names do. `text` says what
    is computed: the table, or a list of operators.
    """

    name: str
    graph: Graph
    preprocess: str
    outputs: tuple[str, ...] = ()
    table: str = ""

    @property
    def text(self) -> str:
        """The table, or else the operators."""
        return self.table or format_graph(self.graph)

    @property
    def classes(self) -> int:
        """The channels of the first output."""
        return self.graph.shape(self.graph.outputs[0])[2]


def model_of(network: Network | Model) -> Model:
    """The model of a table; one that is a model already is returned."""
    if isinstance(network, Model):
        return network
    return Model(
        name=network.name,
        graph=expand(network),
        preprocess=network.conventions.preprocess,
        outputs=network.outputs,
        table=format_network(network),
    )

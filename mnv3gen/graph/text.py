"""A graph as text for people: one line an operator, with all that decides what it computes."""

from __future__ import annotations

from dataclasses import fields

from mnv3gen.graph.graph import Graph, Node

HEADING = "graph: "
SAID = ("name", "inputs", "shape", "row")


def format_graph(graph: Graph) -> str:
    """Such as `conv2d2 = Conv2d(conv2d1) 24x96x8 in_channels=8 kernel=3 stride=2`."""
    head = f"{HEADING}{graph.name}\ninput: {_by(graph.input_shape)}\n"
    outputs = f"outputs: {', '.join(graph.outputs)}\n\n"
    return head + outputs + "".join(f"{_line(node)}\n" for node in graph.nodes)


def is_graph(text: str) -> bool:
    """Whether a manifest's network is such a list and no table."""
    return text.startswith(HEADING)


def _line(node: Node) -> str:
    said = [
        f"{each.name}={_value(getattr(node, each.name))}"
        for each in fields(node)
        if each.name not in SAID and getattr(node, each.name) != each.default
    ]
    call = f"{type(node).__name__}({', '.join(node.inputs)})"
    return " ".join([f"{node.name} = {call} {_by(node.shape)}", *said])


def _value(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))

"""Which tensors of a graph must have the same channels: those that are added, gated, or mapped."""

from __future__ import annotations

from dataclasses import dataclass, field

from mnv3gen.graph.graph import Add, Concat, Conv2d, Gate, Graph


@dataclass(frozen=True)
class Group:
    """Tensors whose channels are the same ones, all of `size`.

    `producers` are the convolutions that compute them, of all channels together; those that make
    gates are not among them. `free` is whether the size may be another: not that of an input or an
    output of the network, nor of tensors that stand one after the other.
    """

    tensors: frozenset[str]
    size: int
    producers: tuple[Conv2d, ...]
    free: bool


@dataclass(frozen=True)
class Channels:
    """The groups of a graph, by their tensors."""

    by_tensor: dict[str, Group]

    @property
    def groups(self) -> tuple[Group, ...]:
        """Every group once, in the order of the nodes."""
        return tuple(dict.fromkeys(self.by_tensor.values()))


def channels_of(graph: Graph) -> Channels:
    """The groups of a graph: a depthwise convolution, a pool and so on keep their input's."""
    sets = _Sets()
    sets.add(graph.input)
    for node in graph.nodes:
        kept = not (isinstance(node, Concat) or (isinstance(node, Conv2d) and not node.depthwise))
        joined = node.inputs if isinstance(node, Add | Gate) else node.inputs[:1]
        sets.add(node.name)
        for tensor in joined if kept else ():
            sets.join(node.name, tensor)
    gates = {node.inputs[1] for node in graph.nodes if isinstance(node, Gate)}
    fixed = {graph.input, *graph.outputs}
    fixed |= {
        name for it in graph.nodes if isinstance(it, Concat) for name in (it.name, *it.inputs)
    }
    by_tensor: dict[str, Group] = {}
    for members in sets.all():
        own = [node for node in graph.nodes if node.name in members]
        producers = [it for it in own if isinstance(it, Conv2d) and not it.depthwise]
        group = Group(
            frozenset(members),
            graph.shape(members[0])[2],
            tuple(it for it in producers if it.name not in gates),
            not fixed & set(members),
        )
        by_tensor |= dict.fromkeys(members, group)
    order = [graph.input, *(node.name for node in graph.nodes)]
    return Channels({name: by_tensor[name] for name in order})


@dataclass
class _Sets:
    """Sets of names that are joined."""

    parents: dict[str, str] = field(default_factory=dict)

    def add(self, name: str) -> None:
        self.parents.setdefault(name, name)

    def root(self, name: str) -> str:
        self.add(name)
        while self.parents[name] != name:
            name = self.parents[name]
        return name

    def join(self, one: str, other: str) -> None:
        self.parents[self.root(one)] = self.root(other)

    def all(self) -> list[list[str]]:
        sets: dict[str, list[str]] = {}
        for name in self.parents:
            sets.setdefault(self.root(name), []).append(name)
        return list(sets.values())

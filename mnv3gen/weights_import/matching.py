"""Which convolution of a file is which of a graph: by shape and order, not by name.

Where the order as a whole is the same, that is the answer. Otherwise the graph is cut into chains,
convolutions that read one another, and each chain is looked for among the file's: this finds
squeeze-and-excite defined after the block's convolutions, or heads defined one kind after the
other. Branches of equal shapes that leave one tensor are never told apart by a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, TypeAlias

from mnv3gen.errors import WeightsError
from mnv3gen.graph.graph import AveragePool, Conv2d, GlobalPool, Graph
from mnv3gen.weights_import.convolution import SourceConvolution, SourceFile, listed

Key: TypeAlias = tuple[Any, ...]
Chain: TypeAlias = tuple[Conv2d, ...]


@dataclass(frozen=True)
class Matched:
    """The file's convolutions in the order of the graph's; `in_order` if it was theirs already."""

    convolutions: tuple[SourceConvolution, ...]
    in_order: bool


def match(source: SourceFile, graph: Graph) -> Matched:
    """Assign the convolutions of a file to those of a graph.

    Raises WeightsError that names what does not fit, or what could be assigned in two ways.
    """
    ours, theirs = graph.convolutions, source.convolutions
    shapes = [conv.weight_shape for conv in ours]
    if source.strays or Counter(shapes) != Counter(conv.shape for conv in theirs):
        raise misfit(source, graph)
    keys = _Keys(source, graph)
    _refuse_twins(source, graph, keys)
    if shapes == [conv.shape for conv in theirs]:
        return Matched(theirs, in_order=True)
    left = list(enumerate(keys.of_source(conv) for conv in theirs))
    found: dict[str, int] = {}
    for chain in _chains(graph):
        for run in _runs(chain, [keys.of_graph(conv) for conv in chain], left):
            found |= run
    if len(found) != len(ours):
        raise misfit(source, graph)
    return Matched(tuple(theirs[found[conv.name]] for conv in ours), in_order=False)


def misfit(source: SourceFile, graph: Graph, hint: str | None = None) -> WeightsError:
    """An error that names what does not fit, in the order of the file, and the likely network."""
    from mnv3gen.weights_import.lookalike import looks_like

    lines = [
        *_differences(source, graph),
        *(f"{stray}: of no convolution" for stray in source.strays),
    ]
    if not lines:
        lines = ["the shapes are those of the network, but in an order that fits no part of it"]
    text = "\n".join(f"  {line}" for line in listed(lines))
    resembled = looks_like(source)
    return WeightsError(
        f"these weights do not fit {graph.name}\n{text}",
        place=source.place,
        found=f"{len(source.convolutions)} convolutions and fully connected layers"
        + (f"; they look like {resembled}" if resembled else ""),
        expected=hint or f"the {len(graph.convolutions)} of {graph.name}",
    )


def _differences(source: SourceFile, graph: Graph) -> Iterator[str]:
    ours, theirs = graph.convolutions, source.convolutions
    a, b = [conv.weight_shape for conv in ours], [conv.shape for conv in theirs]
    for tag, i, i_end, j, j_end in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for at in range(max(i_end - i, j_end - j)):
            met = theirs[j + at] if j + at < j_end else None
            wanted = ours[i + at] if i + at < i_end else None
            found = f"{met.name} {list(met.shape)}" if met else "nothing"
            place = f"{wanted.name} {list(wanted.weight_shape)}" if wanted else "nothing more"
            yield f"{found}, expected {place}"


class _Keys:
    """What a convolution must share with another to be taken for it, as far as the file tells."""

    def __init__(self, source: SourceFile, graph: Graph) -> None:
        self.graph = graph
        self.folded = source.folded
        self.pools_known = all(conv.pooled is not None for conv in source.convolutions)

    def of_source(self, conv: SourceConvolution) -> Key:
        return (conv.shape, self.folded or conv.batch_norm is not None, conv.pooled)

    def of_graph(self, conv: Conv2d) -> Key:
        pooled = self._pooled(conv) if self.pools_known else None
        return (conv.weight_shape, self.folded or conv.batch_norm, pooled)

    def _pooled(self, conv: Conv2d) -> bool:
        read = conv.inputs[0]
        is_input = read == self.graph.input
        return not is_input and isinstance(self.graph.node(read), GlobalPool | AveragePool)


def _chains(graph: Graph, cut_at: Collection[str] = ()) -> list[Chain]:
    """The convolutions in order, cut wherever one does not read the one before it.

    `cut_at` are tensors after which a chain ends as well.
    """
    chains: list[list[Conv2d]] = []
    for conv in graph.convolutions:
        read = conv.inputs[0]
        if chains and read == chains[-1][-1].name and read not in cut_at:
            chains[-1].append(conv)
        else:
            chains.append([conv])
    return [tuple(chain) for chain in chains]


def _runs(
    chain: Chain, keys: Sequence[Key], left: list[tuple[int, Key]]
) -> Iterator[dict[str, int]]:
    """Take the first equal run out of what is left of the file; cut the chain where it must be."""
    start = 0
    while start < len(chain):
        length, at = _longest(keys[start:], left)
        if not length:
            return
        taken = [left.pop(at)[0] for _ in range(length)]
        names = [conv.name for conv in chain[start : start + length]]
        yield dict(zip(names, taken, strict=True))
        start += length


def _longest(keys: Sequence[Key], left: Sequence[tuple[int, Key]]) -> tuple[int, int]:
    """Length and place of the longest run that begins as `keys` does, the first of several."""
    best = (0, 0)
    for at in range(len(left)):
        length = 0
        while length < min(len(keys), len(left) - at) and _follows(left, at, length, keys[length]):
            length += 1
        if length > best[0]:
            best = (length, at)
    return best


def _follows(left: Sequence[tuple[int, Key]], at: int, length: int, key: Key) -> bool:
    """Whether the tensor is the wanted one and stood, in the file, right after the one before."""
    index, found = left[at + length]
    return found == key and index == left[at][0] + length


def _refuse_twins(source: SourceFile, graph: Graph, keys: _Keys) -> None:
    """Refuse branches that leave one tensor and have equal shapes: their order says nothing."""
    readers = Counter(_origin(graph, conv) for conv in graph.convolutions)
    branching = {tensor for tensor, count in readers.items() if count > 1}
    seen: dict[Key, Conv2d] = {}
    for chain in _chains(graph, branching):
        key = (_origin(graph, chain[0]), *(keys.of_graph(conv) for conv in chain))
        other = seen.setdefault(key, chain[0])
        if other is not chain[0]:
            names = [
                conv.name for conv in source.convolutions if conv.shape == chain[0].weight_shape
            ]
            raise WeightsError(
                f"two branches of {graph.name} have the same shapes, and either order would fit",
                place=source.place,
                found=f"{', '.join(names)} for {other.name} and {chain[0].name}",
                expected="a safetensors file under the table's own names, for `compile --weights`",
            )


def _origin(graph: Graph, conv: Conv2d) -> str:
    """The tensor that a convolution reads, seen through pools and resizes."""
    tensor = conv.inputs[0]
    while tensor != graph.input:
        node = graph.node(tensor)
        if isinstance(node, Conv2d) or len(node.inputs) != 1:
            break
        tensor = node.inputs[0]
    return tensor

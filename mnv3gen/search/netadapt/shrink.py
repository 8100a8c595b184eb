"""What may be shrunk: one expansion, or the bottlenecks of one size (section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from mnv3gen.errors import InputError, TableError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.graph import Graph
from mnv3gen.search.netadapt.channels import Channels, Group, channels_of
from mnv3gen.tables.channels import ticked_squeeze
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.shapes import ROW_BEFORE, Shape, inputs_of, results

DIVISOR = 8  # of channels: `make_divisible`'s


@dataclass(frozen=True)
class Site:
    """A place that may shrink: rows whose `field`s have the same size and are changed together.

    `outs` and `expansions` are the indices of rows whose out, or whose expansion, that size is: an
    expansion that does not widen follows its input.
    """

    kind: Literal["expansion", "bottleneck"]
    name: str
    size: int
    outs: tuple[int, ...]
    expansions: tuple[int, ...]


def sites(network: Network) -> tuple[Site, ...]:
    """Every place that may shrink, expansions first. InputError for a table without any."""
    graph = expand(network)
    channels = channels_of(graph)
    found = (*_expansions(network, graph, channels), *_bottlenecks(network, graph, channels))
    if not found:
        raise InputError(
            "nothing that NetAdapt shrinks",
            place=network.name,
            found=", ".join(sorted({row.operator for row in network.rows})),
            expected="a table with bnecks, whose expansions and bottlenecks it shrinks",
        )
    return found


def smaller(network: Network, site: Site, divisor: int = DIVISOR) -> Iterator[tuple[int, Network]]:
    """The sizes that a site may have instead, largest first, each with its network.

    They are multiples of `divisor`. What would add or remove an operator is left out: a residual
    connection of tensors that became alike, or an expansion that does not widen any more.
    """
    operators = [node.name for node in expand(network).nodes]
    first = (site.size - 1) // divisor * divisor
    for size in range(first, 0, -divisor):
        try:
            shrunk = resized(network, site, size)
        except TableError:  # an expansion narrower than its input
            continue
        if [node.name for node in expand(shrunk).nodes] == operators:
            yield size, shrunk


def resized(network: Network, site: Site, size: int) -> Network:
    """The network with another size at a site; a ticked squeeze follows its rule.

    TableError if that does not fit together.
    """
    rows: list[Row] = []
    shapes: dict[str, Shape] = {ROW_BEFORE: (network.height, network.width, network.channels)}
    now = dict(shapes)
    for index, row in enumerate(network.rows):
        before, after = inputs_of(row, shapes), inputs_of(row, now)
        fresh = replace(
            row,
            out=size if index in site.outs else row.out,
            expansion=size if index in site.expansions else row.expansion,
        )
        rows.append(_squeezed(row, fresh, network, before[0][2], after[0][2]))
        shapes |= results(row, before)
        now |= results(rows[-1], after)
    return replace(network, rows=tuple(rows))


def least(network: Network, divisor: int = DIVISOR) -> Network:
    """The smallest network that there is on the way: every site at its least, bottlenecks first."""
    for kind in ("bottleneck", "expansion"):
        names = [site.name for site in sites(network) if site.kind == kind]
        for name in names:
            site = next((it for it in sites(network) if it.name == name), None)
            sizes = list(smaller(network, site, divisor)) if site is not None else []
            network = sizes[-1][1] if sizes else network
    return network


def _squeezed(row: Row, fresh: Row, network: Network, before: int, after: int) -> Row:
    conventions = network.conventions
    width, narrower = row.expansion or row.out, fresh.expansion or fresh.out
    if row.squeeze and row.squeeze == ticked_squeeze(conventions, width, before):
        return replace(fresh, squeeze=ticked_squeeze(conventions, narrower, after))
    return fresh


def _expansions(network: Network, graph: Graph, channels: Channels) -> Iterator[Site]:
    names = {node.name for node in graph.nodes}
    for index, prefix in _bnecks(network):
        expansion = f"{prefix}.expand"
        if expansion in names and channels.by_tensor[expansion].free:
            row = network.rows[index]
            yield Site("expansion", expansion, row.expansion, (), (index,))


def _bottlenecks(network: Network, graph: Graph, channels: Channels) -> Iterator[Site]:
    """One for each size of a bneck's output, with all that is tied to it by residuals."""
    prefixes = dict(_bnecks(network))
    sizes = sorted({network.rows[index].out for index in prefixes})
    for size in sizes:
        groups = {
            channels.by_tensor[f"{prefix}.project"]
            for index, prefix in prefixes.items()
            if network.rows[index].out == size
        }
        if all(group.free for group in groups):
            yield _bottleneck(network, graph, groups, prefixes, size)


def _bottleneck(
    network: Network, graph: Graph, groups: set[Group], prefixes: dict[int, str], size: int
) -> Site:
    tensors = {name for group in groups for name in group.tensors}
    outs = {it.row for group in groups for it in group.producers}
    narrow = {i for i, prefix in prefixes.items() if f"{prefix}.depthwise" in tensors}
    return Site("bottleneck", f"bottlenecks {size}", size, tuple(sorted(outs)), tuple(narrow))


def _bnecks(network: Network) -> Iterator[tuple[int, str]]:
    """The bnecks' indices with the names that `expand` gives them."""
    indices = [index for index, row in enumerate(network.rows) if row.operator == "bneck"]
    for number, index in enumerate(indices, 1):
        yield index, f"bneck{number}"

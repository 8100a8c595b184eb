"""From a weight file to the parameters of a network, with what was found out on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mnv3gen.errors import WeightsError
from mnv3gen.graph.expand import expand, same_padding
from mnv3gen.graph.graph import Conv2d, Graph
from mnv3gen.graph.weights import check_weights
from mnv3gen.tables.network import Network
from mnv3gen.weights_import.classes import without_background
from mnv3gen.weights_import.conventions import (
    AUTO,
    Source,
    bn_eps,
    check_conventions,
    find_source,
    refined,
)
from mnv3gen.weights_import.convolution import Array, SourceConvolution, SourceFile, Window
from mnv3gen.weights_import.lookalike import option_that_fits
from mnv3gen.weights_import.matching import Matched, match, misfit
from mnv3gen.weights_import.parameters import parameters
from mnv3gen.weights_import.reading import read


@dataclass(frozen=True)
class Imported:
    """A graph's weights by name; `metadata` is for `save_weights`, the rest for a person.

    `assigned` pairs each convolution of the graph with the file's tensor that it got.
    """

    weights: dict[str, Array]
    metadata: dict[str, str]
    source: str
    class_offset: int
    assigned: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def import_weights(
    path: Path, network: Network, source: str = AUTO, drop_background: bool = False
) -> Imported:
    """Match the tensors of a weight file with a network's parameters.

    `source` is one of `SOURCE_NAMES`. Raises WeightsError for a file that cannot be read or does
    not fit, and for a network whose conventions would make another function of the same weights.
    """
    graph = expand(network)
    file, dropped = without_background(read(path), network, graph, drop_background)
    matched = _matched(file, network, graph)
    origin = refined(find_source(source, file), file)
    warnings = check_conventions(origin, network, file.place)
    _check_windows(file, graph, matched)
    weights = _weights(origin, network, graph, matched)
    check_weights(weights, graph, file.place)
    return Imported(
        weights=weights,
        metadata=_metadata(path, origin, network, int(dropped)),
        source=origin.name,
        class_offset=int(dropped),
        assigned=tuple(
            (ours.name, theirs.name)
            for ours, theirs in zip(graph.convolutions, matched.convolutions, strict=True)
        ),
        notes=(*file.notes, *_notes(origin, network, graph, file, matched, dropped)),
        warnings=tuple(warnings),
    )


def _matched(file: SourceFile, network: Network, graph: Graph) -> Matched:
    try:
        return match(file, graph)
    except WeightsError as error:
        option = option_that_fits(file, network)
        raise misfit(file, graph, option) if option else error from None


def _weights(origin: Source, network: Network, graph: Graph, matched: Matched) -> dict[str, Array]:
    weights: dict[str, Array] = {}
    for ours, theirs in zip(graph.convolutions, matched.convolutions, strict=True):
        eps = bn_eps(origin, network, theirs)
        for name, value in parameters(ours, theirs, eps, graph.bn_eps).items():
            weights[f"{ours.name}.{name}"] = value
    return weights


def _check_windows(file: SourceFile, graph: Graph, matched: Matched) -> None:
    """Refuse an ONNX file whose strides, dilations or padding are not the graph's."""
    for ours, theirs in zip(graph.convolutions, matched.convolutions, strict=True):
        if theirs.window is not None and (found := _window(theirs, ours, graph)) != _ours(ours):
            raise WeightsError(
                f"{theirs.name} is computed otherwise than {ours.name} of {graph.name}",
                place=file.place,
                found=_text(found),
                expected=f"{_text(_ours(ours))}: another resolution, `padding` or --variant",
            )


def _ours(conv: Conv2d) -> Window:
    return Window(conv.stride, conv.dilation, conv.padding)


def _window(conv: SourceConvolution, ours: Conv2d, graph: Graph) -> Window:
    """The file's window, with its padding in pixels at the graph's resolution."""
    window = conv.window
    assert window is not None
    if not isinstance(window.padding, str):
        return window
    sides = graph.shape(ours.inputs[0])[:2]
    rows, columns = (
        same_padding(side, ours.kernel, window.stride, window.dilation) for side in sides
    )
    return Window(window.stride, window.dilation, (rows[0], columns[0], rows[1], columns[1]))


def _text(window: Window) -> str:
    return f"stride {window.stride}, dilation {window.dilation}, padding {window.padding}"


def _metadata(path: Path, origin: Source, network: Network, offset: int) -> dict[str, str]:
    """What a compilation must agree with, as texts: safetensors has nothing else."""
    conventions = network.conventions
    return {
        "network": network.name,
        "source": origin.name,
        "file": path.name,
        "padding": conventions.padding,
        "bn_eps": repr(conventions.bn_eps),
        "preprocess": origin.preprocess or conventions.preprocess,
        "gate": conventions.gate,
        "resize": conventions.resize,
        "classes": str(network.classes),
        "class_offset": str(offset),
    }


def _unbiased(graph: Graph, matched: Matched) -> list[str]:
    """The file's convolutions without a bias that the graph's have: the gate of LR-ASPP."""
    return [
        theirs.name
        for ours, theirs in zip(graph.convolutions, matched.convolutions, strict=True)
        if not ours.batch_norm and theirs.bias is None and theirs.batch_norm is None
    ]


def _notes(
    origin: Source,
    network: Network,
    graph: Graph,
    file: SourceFile,
    matched: Matched,
    dropped: bool,
) -> list[str]:
    notes = []
    if dropped:
        notes.append("dropped the first class of the file, the background")
    if not matched.in_order:
        notes.append("the file has another order than the table: matched by chains of shapes")
    unbiased = _unbiased(graph, matched)
    if unbiased:
        notes.append(f"no bias in the file, zeros instead: {', '.join(unbiased)}")
    if file.folded:
        notes.append("the file's batch normalization is folded: it became one that adds the bias")
    ours = network.conventions.bn_eps
    others = {bn_eps(origin, network, conv) for conv in file.convolutions if conv.batch_norm} - {
        ours
    }
    for eps in sorted(others):
        notes.append(
            f"BN epsilon {eps:g} became the table's {ours:g}: gamma takes up the difference"
        )
    return notes

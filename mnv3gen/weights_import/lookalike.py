"""Which network a file looks like, for an error that is of use."""

from __future__ import annotations

import contextlib
from collections import Counter

from mnv3gen.errors import InputError, TableError
from mnv3gen.graph.expand import expand
from mnv3gen.tables.network import Network
from mnv3gen.tables.scaling import with_classes
from mnv3gen.tables.variants import VARIANTS, apply_variant
from mnv3gen.tables.zoo import get, names
from mnv3gen.weights_import.convolution import SourceFile, WeightShape

ENOUGH = 0.5  # of all convolutions of both in common


def looks_like(source: SourceFile) -> str | None:
    """The zoo's network, at its nominal width, with most convolutions of equal shape; or None.

    It gets as many classes as the file's last layer has outputs.
    """
    theirs = Counter(conv.shape for conv in source.convolutions)
    classes = source.convolutions[-1].shape[0]
    best, text = ENOUGH, None
    for name in names():
        ours = _shapes(_with_classes(get(name), classes))
        common = (ours & theirs).total()
        share = 2 * common / (ours.total() + theirs.total())
        if share > best:
            best = share
            text = f"{name} ({common} of its {ours.total()} in common, {classes} classes)"
    return text


def option_that_fits(source: SourceFile, network: Network) -> str | None:
    """The `--variant` or `--classes` that gives the network the file's shapes, or None."""
    theirs = Counter(conv.shape for conv in source.convolutions)
    for name in VARIANTS:
        with contextlib.suppress(InputError):  # a variant that does not apply
            if _shapes(apply_variant(network, name)) == theirs:
                return f"--variant {name}"
    for classes in _possible_classes(source, network):
        if _shapes(_with_classes(network, classes)) == theirs:
            return f"--classes {classes}"
    return None


def _possible_classes(source: SourceFile, network: Network) -> list[int]:
    """Classes of which one of the file's biased convolutions may give a score each."""
    widths = {conv.shape[0] for conv in source.convolutions if conv.bias is not None}
    multiples = {row.per_class for row in network.rows if row.per_class}
    return sorted({width // each for width in widths for each in multiples if width % each == 0})


def _with_classes(network: Network, classes: int) -> Network:
    with contextlib.suppress(TableError):  # when the file's last layer is no classifier
        return with_classes(network, classes)
    return network


def _shapes(network: Network) -> Counter[WeightShape]:
    return Counter(conv.weight_shape for conv in expand(network).convolutions)

"""The networks shipped with the package, and how a command finds the network that it is given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mnv3gen.errors import InputError, TableError, nearest_names
from mnv3gen.resources import PACKAGE
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import load
from mnv3gen.tables.scaling import Width, resized, scaled, with_classes
from mnv3gen.tables.shapes import row_shapes
from mnv3gen.tables.variants import apply_variant

ZOO = PACKAGE / "tables" / "zoo"
SUFFIX = ".bneck"


def names() -> tuple[str, ...]:
    """Return the names of the zoo's networks, sorted."""
    return tuple(sorted(path.stem for path in ZOO.glob(f"*{SUFFIX}")))


def get(name: str) -> Network:
    """Return the zoo's network of that name; raises `TableError` for a name that it has not."""
    if name not in names():
        raise TableError(
            "unknown network",
            found=name,
            expected=f"a path of a {SUFFIX} file, or {', '.join(names())}",
            nearest=nearest_names(name, names()),
        )
    return load(ZOO / f"{name}{SUFFIX}")


def resolve(
    name_or_path: str | Path,
    width: Width | None = None,
    resolution: str | int | None = None,
    classes: int | None = None,
    variants: Iterable[str] = (),
) -> Network:
    """Find the network that a command line names, and change it as it says.

    An existing file, or whatever ends in `.bneck`, is loaded; all else is a name of the zoo. Then
    come the variants in order, the width multiplier, the resolution ("192", or "192x256" for height
    by width, in pixels) and the number of classes. Raises `InputError` (mostly as `TableError`).
    """
    path = Path(name_or_path)
    is_file = path.suffix == SUFFIX or path.is_file()
    network = load(path) if is_file else get(str(name_or_path))
    for variant in variants:
        network = apply_variant(network, variant)
    if width is not None:
        network = scaled(network, width)
    if resolution is not None:
        network = resized(network, *read_resolution(resolution))
    return network if classes is None else with_classes(network, classes)


def read_resolution(resolution: str | int) -> tuple[int, int]:
    """Height and width in pixels of "192" or "192x256"; raises `InputError` for another text."""
    match = re.fullmatch("([0-9]{1,9})(?:x([0-9]{1,9}))?", str(resolution))
    if not match:
        expected = "a side in pixels, such as 192, or height x width, such as 192x256"
        found = str(resolution)[:60]
        raise InputError("not a resolution", place="resolution", found=found, expected=expected)
    return int(match[1]), int(match[2] or match[1])


def classifiers() -> tuple[str, ...]:
    """Return the names of the networks that are trunk and classifier, without a head."""
    found = ((name, get(name)) for name in names())
    return tuple(name for name, network in found if not network.outputs and _classifies(network))


def _classifies(network: Network) -> bool:
    """Tell whether the last row gives one value a class for the whole image."""
    last = row_shapes(network)[-1][1]
    return last == (1, 1, network.classes)

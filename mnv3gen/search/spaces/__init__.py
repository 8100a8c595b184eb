"""The search spaces that come with the package, and reading those of users."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec

from mnv3gen.errors import InputError, nearest_names
from mnv3gen.named_toml import NamedFiles
from mnv3gen.search.layers import OPERATORS, SKIPS
from mnv3gen.search.space import Space
from mnv3gen.tables.zoo import resolve

MOST_LAYERS = 16  # more, or less, than a block of the seed has


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seed: str
    operators: tuple[str, ...]
    kernels: tuple[int, ...]
    squeeze: tuple[bool, ...]
    skip: tuple[str, ...]
    filters: tuple[str, ...]
    layers: tuple[int, ...]
    tail: tuple[str, ...] = ("1",)


FILES = NamedFiles(
    "space", Path(__file__).resolve().parent, _File, "--space", expected="see docs/latency.md"
)


def load_space(name_or_path: str) -> Space:
    """A space by its name, or from a file. InputError if there is none, or if it is wrong."""
    path = FILES.find(name_or_path)
    return _space(FILES.read(path), path)


def _space(file: _File, path: Path) -> Space:
    seed = path.parent / file.seed
    network = resolve(seed if seed.is_file() else file.seed)
    _one_of(file.operators, OPERATORS, path, "operators")
    _one_of(file.skip, SKIPS, path, "skip")
    for kernel in file.kernels:
        if kernel not in (3, 5, 7):
            _refuse(path, "kernels", kernel, "3, 5 or 7")
    for more in file.layers:
        if abs(more) > MOST_LAYERS:
            _refuse(path, "layers", more, f"{-MOST_LAYERS} to {MOST_LAYERS} more than the seed has")
    for field in ("kernels", "squeeze", "filters", "layers", "tail"):
        if not getattr(file, field):
            _refuse(path, field, "an empty list", "at least one choice")
    if "none" in file.skip and True in file.squeeze and network.conventions.gate != "sigmoid":
        _refuse(path, "skip", "none, with squeeze-and-excite", 'a seed with "gate: sigmoid"')
    return Space(
        name=path.stem,
        seed=network,
        operators=file.operators,
        kernels=file.kernels,
        squeeze=file.squeeze,
        skip=file.skip,
        filters=tuple(_share(text, path, "filters") for text in file.filters),
        layers=file.layers,
        tail=tuple(_share(text, path, "tail") for text in file.tail),
    )


def _share(text: str, path: Path, field: str) -> Fraction:
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError):
        share = Fraction(0)
    if not 0 < share <= 8:
        _refuse(path, field, text, 'a fraction above 0 and at most 8, such as "3/4"')
    return share


def _one_of(values: tuple[str, ...], known: tuple[str, ...], path: Path, field: str) -> None:
    if not values:
        _refuse(path, field, "an empty list", "at least one choice")
    for value in values:
        if value not in known:
            raise InputError(
                "unknown choice",
                place=f"{path}: {field}",
                found=value,
                expected=f"one of {', '.join(known)}",
                nearest=nearest_names(value, known),
            )


def _refuse(path: Path, field: str, found: Any, expected: str) -> None:
    raise InputError("impossible", place=f"{path}: {field}", found=str(found), expected=expected)

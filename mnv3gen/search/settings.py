"""`Settings`: all that a search's trials depend on, kept beside them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from mnv3gen.errors import InputError
from mnv3gen.search.reward import Exponents
from mnv3gen.search.space import Space
from mnv3gen.tables.format import format_network
from mnv3gen.train.recipe import DEFAULT
from mnv3gen.train.state import replace_bytes, writing

FILE = "search.json"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was asked for, and of which versions.

    `contents` is a hash of the space's seed and choices. `exponents` are w of the reward, `images`
    and `epochs` are the evaluator's, `recipe` is what it trains by (files without it have the
    default one). `round` is how many trials are asked for at a time. `table` is the folder of the
    latency table, "" for the device's records.
    """

    space: str
    contents: str
    device: str
    target: str
    target_ms: float
    exponents: Exponents
    controller: str
    evaluator: str
    data: str
    images: int
    epochs: int
    batch: int
    latency: str
    table: str
    seed: int
    round: int
    version: str
    recipe: str = DEFAULT


def contents_of(space: Space) -> str:
    """A hash of all that makes a space's points."""
    parts = (
        format_network(space.seed),
        space.operators,
        space.kernels,
        space.squeeze,
        space.skip,
        tuple(map(str, space.filters)),
        space.layers,
        tuple(map(str, space.tail)),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def settle(folder: Path, settings: Settings) -> bool:
    """Write the settings into a folder, or see that its search had the same: True to go on with it.

    InputError that names the first difference.
    """
    known = read_settings(folder)
    if known is not None:
        _compare(folder, known, settings)
        return True
    folder.mkdir(parents=True, exist_ok=True)
    with writing(folder):
        replace_bytes(
            folder / FILE, msgspec.json.format(msgspec.json.encode(settings), indent=1) + b"\n"
        )
    return False


def read_settings(folder: Path) -> Settings | None:
    """The settings of a search's folder; None if there is none. InputError for a damaged file."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("not a search's settings", place=str(path), found=str(error)) from error


def _compare(folder: Path, known: Settings, settings: Settings) -> None:
    for field in Settings.__struct_fields__:
        theirs, ours = getattr(known, field), getattr(settings, field)
        if theirs != ours:
            raise InputError(
                f"the folder has a search with another {field.replace('_', '-')}",
                place=str(folder / FILE),
                found=str(theirs),
                expected=f"{ours}; or another folder, or --restart",
            )

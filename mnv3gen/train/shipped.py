"""The trained network that comes with the package: Fashion-MNIST's ten kinds of clothes.

`zoo/` has its table, weights, labels, and a record of how it was trained and what it reaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from mnv3gen.resources import PACKAGE

FOLDER = PACKAGE / "train" / "zoo"
NAME = "fashion_mnist"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a network was trained, and its right answers on its data's test pictures."""

    commands: tuple[str, ...]
    seed: int
    right: int
    pictures: int
    right_of_sample: int
    parameters: int
    madds: int


@dataclass(frozen=True)
class Shipped:
    """The files of a trained network."""

    table: Path
    weights: Path
    labels: Path
    record: Record


def shipped(name: str = NAME) -> Shipped:
    """A trained network by name."""
    record = (FOLDER / f"{name}.toml").read_bytes()
    return Shipped(
        FOLDER / f"{name}.bneck",
        FOLDER / f"{name}.safetensors",
        FOLDER / f"{name}.labels.txt",
        msgspec.toml.decode(record, type=Record),
    )

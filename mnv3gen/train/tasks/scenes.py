"""What segmentation and detection have in common: data with pixels' classes and boxes."""

from __future__ import annotations

from typing import Any

from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network
from mnv3gen.train.data.scenes import SceneData


def check_scenes(network: Network, data: Any) -> None:
    """InputError for data of another kind, another size, or with other classes than a network."""
    if not isinstance(data, SceneData):
        raise InputError(
            "these data have one class for a whole picture",
            place=network.name,
            expected="a classifier, or --data shapes",
        )
    if len(data.names) != network.classes:
        raise InputError(
            "the scenes have other classes than the network",
            place=network.name,
            found=f"{network.classes} classes",
            expected=f"{len(data.names)}: {', '.join(data.names)}",
        )
    size = data.train.pixels.shape[1:3]
    assert size == (network.height, network.width), size

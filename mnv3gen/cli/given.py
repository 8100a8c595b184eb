"""What a command was given to compute: a table or an ONNX file, with its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnv3gen.errors import InputError
from mnv3gen.tables.network import Network

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mnv3gen.graph.model import Model
    from mnv3gen.onnx_import import Imported


ONNX = ".onnx"


@dataclasses.dataclass(frozen=True)
class Given:
    """A network with its weights; `source` is what a manifest calls them.

    `note` says how an ONNX file was read.
    """

    network: Network | Model
    weights: Mapping[str, npt.NDArray[np.float32]]
    source: str
    note: str = ""


def network_called(
    name: str,
    width: str | None = None,
    resolution: str | None = None,
    classes: int | None = None,
    variants: tuple[str, ...] = (),
    input_shape: str | None = None,
) -> Network | Imported:
    """A name of the zoo or a table in a form, or an ONNX file with the size of its input.

    InputError for a form of an ONNX file, and as reading either raises.
    """
    if name.lower().endswith(ONNX):
        from mnv3gen.onnx_import import import_onnx

        if any((width, resolution, classes, variants)):
            raise InputError(
                "an ONNX file has one form",
                place="--width, --resolution, --classes, --variant",
                found=name,
                expected="--input-shape for a file that leaves its size open",
            )
        return import_onnx(Path(name), input_shape)
    from mnv3gen.tables.zoo import resolve

    if input_shape is not None:
        raise InputError(
            "an option of an ONNX file",
            place="--input-shape",
            found=name,
            expected="--resolution for a table",
        )
    return resolve(name, width=width, resolution=resolution, classes=classes, variants=variants)


def given_network(network: Network | Imported, weights: Path | None, seed: int) -> Given:
    """A table with the weights of a file or random ones, or an ONNX file with its own.

    Warns of what a weights file says of other pictures.
    """
    if isinstance(network, Network):
        return Given(network, *_given_weights(network, weights, seed))
    if weights is not None:
        raise InputError(
            "an ONNX file has its own weights", place="--weights", found=weights, expected="none"
        )
    form = f"no table ({network.reason})" if network.reason else "a bneck table"
    note = f"{form}; {network.executor} computes the same but for {network.error:.1e}"
    return Given(network.network, network.weights, network.file, note)


def _given_weights(
    network: Network, weights: Path | None, seed: int
) -> tuple[dict[str, npt.NDArray[np.float32]], str]:
    from mnv3gen.graph.expand import expand
    from mnv3gen.graph.seeded import seeded_weights
    from mnv3gen.graph.weights import check_metadata, load_weights

    graph = expand(network)
    if weights is None:
        return seeded_weights(graph, seed), f"seed {seed}"
    for warning in check_metadata(weights, network.conventions):
        click.echo(f"mnv3gen: warning: {warning}", err=True)
    return load_weights(weights, graph), weights.name

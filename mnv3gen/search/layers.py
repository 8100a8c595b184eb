"""`Layer`: what a block repeats, and the rows of a table that it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mnv3gen.tables.channels import ticked_squeeze
from mnv3gen.tables.network import Conventions, Row

EXPANSIONS = {"sepconv": 1, "bneck3": 3, "bneck4": 4, "bneck6": 6}
OPERATORS = ("conv", *EXPANSIONS)
SKIPS = ("identity", "none")
TAIL = "tail"  # the operator of the choice that stands for the rows after the last block


@dataclass(frozen=True)
class Layer:
    """One layer of a block.

    `operator`: "conv", a full convolution, which has no squeeze-and-excite; "sepconv", depthwise
    and projection, which only the first block may be; "bneckE", with an expansion by E. `skip`:
    "identity" adds the layer's input where the shapes are the same, "none" does not. `out` is in
    channels.
    """

    operator: str
    kernel: int
    squeeze: bool
    skip: str
    out: int


@dataclass(frozen=True)
class Place:
    """Where a layer stands: what it reads, how it strides, and what its rows are called.

    `repeats`: whether the row before belongs to the same block, so that it may be labelled.
    """

    channels: int
    stride: int
    nonlinearity: str
    conventions: Conventions
    name: str
    repeats: bool = False


def append(rows: list[Row], layer: Layer, at: Place) -> None:
    """Append the rows of a layer to those of its block."""
    if layer.operator == "conv":
        _append_convolution(rows, layer, at)
        return
    expansion = EXPANSIONS[layer.operator] * at.channels
    squeeze = ticked_squeeze(at.conventions, expansion, at.channels) if layer.squeeze else 0
    may_add = at.stride == 1 and at.channels == layer.out
    if may_add and layer.skip == "none":
        rows += _without_residual(layer, expansion, squeeze, at)
        return
    rows.append(
        Row("bneck", layer.kernel, expansion, layer.out, squeeze, at.nonlinearity, at.stride)
    )


def _append_convolution(rows: list[Row], layer: Layer, at: Place) -> None:
    """A full convolution adds its input only where it repeats another of the same block."""
    adds = layer.skip == "identity" and at.repeats and at.stride == 1
    if adds:
        rows[-1] = replace(rows[-1], labels=((f"{at.name}_in", ""),))
    rows.append(Row("conv2d", layer.kernel, 0, layer.out, 0, at.nonlinearity, at.stride))
    if adds:
        rows.append(_joining("add", (f"{at.name}_in", "")))


def _without_residual(layer: Layer, expansion: int, squeeze: int, at: Place) -> list[Row]:
    """A bneck of single rows, since one whose shapes agree always adds its input."""
    rows = []
    if expansion > at.channels:
        rows.append(Row("conv2d", 1, 0, expansion, 0, at.nonlinearity, 1))
    labels = ((f"{at.name}_dw", ""),) if squeeze else ()
    rows.append(Row("dw", layer.kernel, 0, 0, 0, at.nonlinearity, 1, labels=labels))
    if squeeze:
        rows += [
            _joining("pool", ()),
            Row("conv2d", 1, 0, squeeze, 0, "RE", 1, batch_norm=False),
            Row("conv2d", 1, 0, expansion, 0, "SG", 1, batch_norm=False),
            _joining("gate", (f"{at.name}_dw", "")),
        ]
    return [*rows, Row("conv2d", 1, 0, layer.out, 0, "", 1)]


def _joining(operator: str, sources: tuple[str, ...]) -> Row:
    return Row(operator, 0, 0, 0, 0, "", 1, sources=sources)

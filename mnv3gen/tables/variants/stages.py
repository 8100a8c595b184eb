"""Variants of the first and the last stage of a classifier (section 5.1, figure 5)."""

from __future__ import annotations

from dataclasses import replace

from mnv3gen.tables.channels import ticked_squeeze
from mnv3gen.tables.network import Network, Row
from mnv3gen.tables.variants.applicable import need_applicable

STEM = "conv2d 3x3 of 16, bneck"
"""How tables 1 and 2 begin."""
LARGE_STAGE = "conv2d 1x1 of 960, pool, conv2d 1x1 of 1280, conv2d 1x1 of k"
SMALL_STAGE = "conv2d 1x1 of 576, pool, conv2d 1x1 of 1280, conv2d 1x1 of k"
"""How tables 1 and 2 end."""


def stem32(network: Network) -> Network:
    """Begin with 32 filters, of which section 5.1 saves 16; the first bneck works on all 32."""
    found = _said(network.rows[:2])
    need_applicable(found == STEM, "stem32", network, found=found, expected=STEM)
    stem, first = network.rows[:2]
    first = replace(first, expansion=max(32, first.expansion))
    if first.squeeze:
        squeeze = ticked_squeeze(network.conventions, first.expansion, 32)
        first = replace(first, squeeze=squeeze)
    return replace(network, rows=(replace(stem, out=32), first, *network.rows[2:]))


def original_last_stage(network: Network) -> Network:
    """Undo the redesign of figure 5: 960, depthwise, 320, 1280, and only then the pool."""
    *trunk, features, pool, widened, classifier = _with_last_stage(
        network, "original-last-stage", LARGE_STAGE
    )
    block = Row("bneck", 3, features.out, 320, 0, features.nonlinearity, 1)
    last = replace(features, out=widened.out)
    return replace(network, rows=(*trunk, block, last, pool, classifier))


def released(network: Network) -> Network:
    """1024 features after V3-Small's pool, as the authors' released code has them (table 2: 1280).

    So have Keras, timm and torchvision; table 3's 2.9M parameters need 1280.
    """
    *rows, widened, classifier = _with_last_stage(network, "released", SMALL_STAGE)
    return replace(network, rows=(*rows, replace(widened, out=1024), classifier))


def _with_last_stage(network: Network, variant: str, stage: str) -> tuple[Row, ...]:
    """Return the rows of a network that ends in such a stage."""
    found = _said(network.rows[-4:])
    need_applicable(found == stage, variant, network, found=found, expected=stage)
    return network.rows


def _said(rows: tuple[Row, ...]) -> str:
    """Say what rows are, shortly: `conv2d 1x1 of 960, pool`."""
    return ", ".join(map(_said_of, rows))


def _said_of(row: Row) -> str:
    if row.operator != "conv2d":
        return row.operator
    out = {0: str(row.out), 1: "k"}.get(row.per_class, f"{row.per_class}k")
    return f"conv2d {row.kernel}x{row.kernel} of {out}"

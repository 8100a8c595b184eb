"""A variant for pictures of some 32 x 32 pixels, of which five strides would leave one position."""

from __future__ import annotations

from dataclasses import replace

from mnv3gen.tables.network import Network
from mnv3gen.tables.variants.applicable import need_applicable

STRIDES = 5
REMOVED = (1, 4)  # the second and the last


def small_pictures(network: Network) -> Network:
    """Stride 1 where the second and the last of the five strides are: 8 in all instead of 32.

    The parameters stay what they are; 32 x 32 pictures end as 4 x 4 positions.
    """
    strided = [index for index, row in enumerate(network.rows) if row.stride == 2]
    found = f"{len(strided)} rows of stride 2"
    expected = f"{STRIDES} rows of stride 2"
    need_applicable(
        len(strided) == STRIDES, "small-pictures", network, found=found, expected=expected
    )
    removed = {strided[index] for index in REMOVED}
    rows = tuple(
        replace(row, stride=1) if index in removed else row
        for index, row in enumerate(network.rows)
    )
    return replace(network, rows=rows)

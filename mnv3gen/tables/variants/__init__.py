"""Variants: named functions from a table to a table. A new variant is one more entry.

Each raises `InputError` for a table to which it does not apply.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mnv3gen.errors import TableError, nearest_names
from mnv3gen.tables.network import Network
from mnv3gen.tables.variants.last_block import os32, reduced, rf2
from mnv3gen.tables.variants.nonlinearities import hswish_from, naive_hswish, relu
from mnv3gen.tables.variants.segmentation_head import f128, f256
from mnv3gen.tables.variants.small_pictures import small_pictures
from mnv3gen.tables.variants.squeezes import squeeze_expansion, squeeze_input
from mnv3gen.tables.variants.stages import original_last_stage, released, stem32
from mnv3gen.tables.variants.torchvision import torchvision

VARIANTS: dict[str, Callable[[Network], Network]] = {
    "torchvision": torchvision,
    "released": released,
    "original-last-stage": original_last_stage,
    "stem32": stem32,
    "small-pictures": small_pictures,
    "squeeze-input": squeeze_input,
    "squeeze-expansion": squeeze_expansion,
    "relu": relu,
    "naive-hswish": naive_hswish,
    "reduced": reduced,
    "rf2": rf2,
    "os32": os32,
    "f128": f128,
    "f256": f256,
}
NUMBERED_VARIANTS: dict[str, Callable[[Network, int], Network]] = {"hswish": hswish_from}
"""Variants with a number: `hswish@112` is `hswish_from` of 112."""


def variant_names() -> tuple[str, ...]:
    """Return the names of all variants, a numbered one as `hswish@N`."""
    return *VARIANTS, *(f"{name}@N" for name in NUMBERED_VARIANTS)


def apply_variant(network: Network, name: str) -> Network:
    """Return the network's variant of that name.

    Raises `TableError` for an unknown name, `InputError` where the variant does not apply.
    """
    numbered = re.fullmatch("(.+)@([0-9]{1,9})", name)
    if numbered and numbered[1] in NUMBERED_VARIANTS:
        return NUMBERED_VARIANTS[numbered[1]](network, int(numbered[2]))
    if name not in VARIANTS:
        raise TableError(
            "unknown variant",
            found=name[:60],
            expected=", ".join(variant_names()),
            nearest=nearest_names(name[:60], variant_names()),
        )
    return VARIANTS[name](network)

"""The order in which torchvision's and timm's classes define their modules, by their names.

Only for files that do not keep the order of a state_dict: whatever is matched is matched by shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

PARTS = (  # in their order; those of one line never stand beside one another
    ("backbone",),
    ("conv_stem",),
    ("features", "layers", "blocks"),
    ("extra",),
    ("conv_head",),
    ("fc1", "conv_reduce", "cbr"),
    ("fc2", "conv_expand", "scale"),
    ("low_classifier", "classification_head"),
    ("high_classifier", "regression_head"),
    ("classifier", "head"),
)
RANKS = {name: rank for rank, names in enumerate(PARTS) for name in names}
UNKNOWN = RANKS["features"]
BLOCKS = (  # of timm: the one whose first name is there tells what each bn follows
    ("conv_pwl", ("conv_pw", "bn1", "conv_dw", "bn2", "se", "conv_pwl", "bn3")),
    ("conv_dw", ("conv_dw", "bn1", "se", "conv_pw", "bn2")),
    ("conv_stem", ("conv_stem", "bn1", "blocks", "conv_head", "bn2", "classifier")),
    ("conv", ("conv", "bn1")),
)
LEAVES = ("weight", "bias", "running_mean", "running_var")


def definition_order(tensors: Mapping[str, T]) -> dict[str, T]:
    """The tensors by the order of their definition, as far as their names tell it."""
    modules = {name.rpartition(".")[0] for name in tensors}
    keys = {module: _module_key(module, modules) for module in modules}

    def key(name: str) -> tuple[object, ...]:
        module, _, leaf = name.rpartition(".")
        rank = LEAVES.index(leaf) if leaf in LEAVES else len(LEAVES)
        return (keys[module], rank, leaf)

    return {name: tensors[name] for name in sorted(tensors, key=key)}


def _module_key(module: str, modules: set[str]) -> tuple[tuple[int, str], ...]:
    """A rank and a name for each part of a dotted name."""
    parts = module.split(".")
    return tuple(_part_key(parts[:at], part, modules) for at, part in enumerate(parts))


def _part_key(above: list[str], part: str, modules: set[str]) -> tuple[int, str]:
    for tell, order in BLOCKS:
        if ".".join([*above, tell]) in modules and part in order:
            return (order.index(part), part)
    return (RANKS.get(part, UNKNOWN), re.sub("[0-9]+", lambda digits: digits[0].zfill(6), part))

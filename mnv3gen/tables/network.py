"""A network as the paper's tables write it: rows of integers under named conventions."""

from __future__ import annotations

from dataclasses import dataclass, field

from mnv3gen.tables.checks import check_network


@dataclass(frozen=True)
class Conventions:
    """What a table leaves unsaid; every choice has a name (see `checks.CHOICES`).

    ``padding``: "same" is TensorFlow's SAME (at stride 2 asymmetric), "symmetric" k//2 on every
    side. ``squeeze``: the width of a ticked squeeze-and-excite. ``width_rule``: what a width
    multiplier scales. ``preprocess``: how a picture becomes the input. ``bn_eps``: batch
    normalization's epsilon. The defaults are those of the paper's own TensorFlow code.
    """

    padding: str = "same"
    bn_eps: float = 0.001
    squeeze: str = "expansion/4"
    width_rule: str = "paper"
    preprocess: str = "inception"


@dataclass(frozen=True)
class Row:
    """One line of a table; widths are channels, never ratios.

    ``operator``: "conv2d", "bneck" or "pool". ``kernel``: the side of the square window, 0 for a
    pool, whose window is its whole input. ``expansion``: 0 where the paper has "-". ``out``: output
    channels, 0 for a pool. ``squeeze``: width of the squeeze layer, 0 without squeeze-and-excite.
    ``nonlinearity``: "RE" (ReLU), "R6" (ReLU6), "HS" (h-swish) or "" (none). ``batch_norm``: False
    where the paper says NBN. ``per_class``: n where the table says "nk", that is ``out`` is n times
    the number of classes; 0 where ``out`` is fixed. ``line`` and ``written`` are where the row
    stood in its file and how its operator cell was spelled; they do not count in comparisons.
    """

    operator: str
    kernel: int
    expansion: int
    out: int
    squeeze: int
    nonlinearity: str
    stride: int
    batch_norm: bool = True
    per_class: int = 0
    line: int = field(default=0, compare=False, repr=False)
    written: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Network:
    """A table with its input (NHWC, batch 1) and its conventions.

    ``name`` is a C identifier in lower case: it becomes a symbol prefix and a file name.
    Construction raises `TableError` when the rows do not fit together.
    """

    name: str
    height: int
    width: int
    channels: int
    classes: int
    rows: tuple[Row, ...]
    conventions: Conventions = Conventions()

    def __post_init__(self) -> None:
        check_network(self)

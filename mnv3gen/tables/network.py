"""A network as the paper's tables write it: rows of integers under named conventions."""

from __future__ import annotations

from dataclasses import dataclass, field

from mnv3gen.tables.checks import check_network


@dataclass(frozen=True)
class Conventions:
    """What a table leaves unsaid; every choice has a name (see `checks.CHOICES`).

    ``padding``: "same" is TensorFlow's SAME (at stride 2 asymmetric), "symmetric" dilation * (k//2)
    on every side. ``squeeze``: the width of a ticked squeeze-and-excite. ``width_rule``: what a
    width multiplier scales. ``preprocess``: how a picture becomes the input. ``resize``: how a
    resize maps coordinates, "align_corners" (TensorFlow 1's deeplab) or "half_pixel" (torch).
    ``hswish``: "fused", one operation, or "naive", as in table 5's no-opt column. ``gate``: what
    squeeze-and-excite scales by, "hard_sigmoid" (section 5.2) or "sigmoid" (MnasNet).
    ``bn_eps``: batch normalization's epsilon. The defaults are those of the paper's own TensorFlow
    code.
    """

    padding: str = "same"
    bn_eps: float = 0.001
    squeeze: str = "expansion/4"
    width_rule: str = "paper"
    preprocess: str = "inception"
    hswish: str = "fused"
    gate: str = "hard_sigmoid"
    resize: str = "align_corners"


@dataclass(frozen=True)
class Row:
    """One line of a table; widths are channels, never ratios.

    ``operator``: "conv2d", "bneck", "dw", "pool", "add", "concat", "gate" or "resize". ``kernel``:
    the side of the square window, 0 where there is none. ``expansion``: 0 where the paper has "-".
    ``out``: output channels, 0 where they follow from the sources. ``squeeze``: width of the
    squeeze layer, 0 without squeeze-and-excite. ``nonlinearity``: "RE" (ReLU), "R6" (ReLU6), "HS"
    (h-swish), "SG" (sigmoid) or "" (none). ``batch_norm``: False where the paper says NBN.
    ``per_class``: n where the table says "nk", that is ``out`` is n times the number of classes; 0
    where ``out`` is fixed. ``dilation``: the distance of the kernel's taps, in pixels. ``window``
    and ``strides``: height and width in pixels of a windowed pool, (0, 0) where a pool is global.

    ``sources``: the labels of the tensors that the row reads, "" for the row before; () is the row
    before alone. ``labels``: pairs of a name and the part of the row that it names: "" its output,
    "expand" or "depthwise" that tensor inside a bneck (after its nonlinearity, before
    squeeze-and-excite).

    ``line`` and ``written`` are where the row stood in its file and how its operator cell was
    spelled; they do not count in comparisons.
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
    dilation: int = 1
    window: tuple[int, int] = (0, 0)
    strides: tuple[int, int] = (0, 0)
    sources: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    line: int = field(default=0, compare=False, repr=False)
    written: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Network:
    """A table with its input (NHWC, batch 1) and its conventions.

    ``name`` is a C identifier in lower case: it becomes a symbol prefix and a file name.
    ``outputs`` are the labels of the network's outputs, in order; () is the last row.
    Construction raises `TableError` when the rows do not fit together.
    """

    name: str
    height: int
    width: int
    channels: int
    classes: int
    rows: tuple[Row, ...]
    conventions: Conventions = Conventions()
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_network(self)

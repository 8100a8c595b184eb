"""What a width multiplier makes of one row: the choices of the ``width_rule`` convention."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mnv3gen.tables.channels import make_divisible
from mnv3gen.tables.network import Row

LEAST_DEPTH = 8
"""Channels; `min_depth` of slim's and object_detection's code."""

C4 = "C4"
"""The label of the last tensor before the last block (section 6.4), or of its first expansion."""
C5 = "C5"
"""The label of the trunk's last row, where a detection or segmentation head follows (section 6)."""

Part = Literal["trunk", "last", "features", "further", "head"]
"""Where a row stands: in the trunk; its last convolution, before the pool; after the pool; among a
detector's further feature layers; or elsewhere in a head, whose widths are never scaled."""


@dataclass(frozen=True)
class Position:
    """A row's place while scaling: the multiplier, and its input's width before and after."""

    multiplier: Fraction
    nominal: int
    actual: int
    part: Part

    def ratio_kept(self, width: int) -> int:
        """Return the width that is to the actual input as ``width`` was to the nominal one."""
        if width == self.nominal:
            return self.actual
        return make_divisible(Fraction(self.actual * width, self.nominal))

    def rounded(self, width: int) -> int:
        """Return the multiple of 8 next to the scaled width."""
        return make_divisible(width * self.multiplier)

    def truncated(self, width: int) -> int:
        """Return the scaled width, cut to an integer: `depth_fn` of object_detection."""
        return max(int(width * self.multiplier), LEAST_DEPTH)


Widths = tuple[int, int]
"""Expansion (0 for a convolution) and output channels."""


def _paper(row: Row, at: Position) -> Widths:
    """The rule that gives table 3's 0.75 rows: slim's V3 code with its "finegrain" option."""
    if row.operator == "bneck":
        return at.ratio_kept(row.expansion), at.rounded(row.out)
    if at.part == "features":
        return 0, row.out
    return 0, at.rounded(row.out)


def _v2(row: Row, at: Position) -> Widths:
    """Slim's `mobilenet_v2.py`: the last convolution before the pool is never narrowed."""
    if at.part == "last" and at.multiplier < 1:
        return 0, row.out
    return _paper(row, at)


def _mnasnet(row: Row, at: Position) -> Widths:
    """`mnasnet_model.py`: the last convolution before the pool is neither narrowed nor widened."""
    return (0, row.out) if at.part == "last" else _paper(row, at)


def _v1(row: Row, at: Position) -> Widths:
    """Slim's `mobilenet_v1.py`: every convolution, and nothing is rounded to eights."""
    if row.operator == "bneck":
        return at.ratio_kept(row.expansion), at.truncated(row.out)
    return 0, at.truncated(row.out)


def _torchvision(row: Row, at: Position) -> Widths:
    """Torchvision's `mobilenetv3.py`: expansions by themselves, features after the pool too."""
    if row.operator == "bneck":
        return at.rounded(row.expansion), at.rounded(row.out)
    return 0, at.ratio_kept(row.out) if at.part == "last" else at.rounded(row.out)


WIDTH_RULES: dict[str, Callable[[Row, Position], Widths]] = {
    "paper": _paper,
    "torchvision": _torchvision,
    "v1": _v1,
    "v2": _v2,
    "mnasnet": _mnasnet,
}


def parts(rows: tuple[Row, ...]) -> list[Part]:
    """Say of each row what part it is; a row labelled C5 ends the trunk."""
    end = row_labelled(rows, C5) + 1
    return _trunk_parts(rows[:end]) + _head_parts(rows[end:])


def row_labelled(rows: tuple[Row, ...], label: str) -> int:
    """Return the index of the row that defines a label, also of a part; without it, of no row."""
    labelled = (i for i, row in enumerate(rows) if label in dict(row.labels))
    return next(labelled, len(rows))


def is_segmentation(rows: tuple[Row, ...]) -> bool:
    """Whether rows with a head are a segmentation network's, which resizes; else a detector's."""
    return any(row.operator == "resize" for row in rows)


def _trunk_parts(rows: tuple[Row, ...]) -> list[Part]:
    """Without a pool all rows are trunk, and no convolution is the last."""
    pool = next((i for i, row in enumerate(rows) if row.operator == "pool"), len(rows))
    found: list[Part] = ["features" if i > pool else "trunk" for i in range(len(rows))]
    convolutions = [i for i in range(1, pool) if rows[i].operator == "conv2d"]  # 0 is the stem
    if pool < len(rows) and convolutions:
        found[convolutions[-1]] = "last"
    return found


def _head_parts(rows: tuple[Row, ...]) -> list[Part]:
    """In a detector's head, what predicts boxes is without batch normalization."""
    if is_segmentation(rows):
        return ["head"] * len(rows)
    return ["further" if row.batch_norm else "head" for row in rows]

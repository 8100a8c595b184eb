"""`Tensor`: an ONNX tensor in terms of the graph's, with its axes, and a formula not yet added."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

from mnv3gen.graph.graph import Shape
from mnv3gen.onnx_import.forms import IDENTITY, Form

Memory: TypeAlias = Literal["chw", "hwc"]
Padding: TypeAlias = tuple[int, int, int, int]
NO_PADDING: Padding = (0, 0, 0, 0)


@dataclass(frozen=True)
class Tensor:
    """`form` of the graph's tensor `base`, with `padding` in zeros around it.

    `shape` is the base's (h, w, c), `dims` what ONNX calls its shape, and `memory` the order of
    elements behind it: reshaping changes `dims` alone.
    """

    base: str
    shape: Shape
    dims: tuple[int, ...]
    memory: Memory
    form: Form = IDENTITY
    padding: Padding = NO_PADDING

    @property
    def single(self) -> bool:
        """Whether there is one position, so that the order of axes has no meaning."""
        return self.shape[:2] == (1, 1)

    @property
    def channel_axis(self) -> int | None:
        """The axis of `dims` that is the channels; None if there is none such."""
        height, width, channels = self.shape
        if self.single:
            wide = [axis for axis, side in enumerate(self.dims) if side == channels]
            if channels > 1 and len(wide) == 1:
                return wide[0]
            return min(1, len(self.dims) - 1) if prod(self.dims) == channels == 1 else None
        if self.memory == "chw" and self.dims == (1, channels, height, width):
            return 1
        return 3 if self.memory == "hwc" and self.dims == (1, height, width, channels) else None

    @property
    def is_map(self) -> bool:
        """Whether ONNX's operators for images read it as (1, c, h, w)."""
        height, width, channels = self.shape
        ordered = self.memory == "chw" or self.single
        return ordered and self.dims == (1, channels, height, width)


def as_map(shape: Shape) -> tuple[int, ...]:
    """(1, c, h, w)."""
    height, width, channels = shape
    return 1, channels, height, width

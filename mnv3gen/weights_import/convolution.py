"""What every reader makes of a weight file: its convolutions, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.weights import NAMED_AT_MOST

Array: TypeAlias = npt.NDArray[np.float32]
WeightShape: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class BatchNorm:
    """The four vectors of a batch normalization; `eps` where the file says it."""

    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    eps: float | None = None


@dataclass(frozen=True)
class Window:
    """What an ONNX file says of a convolution besides its weights; `padding` as in `Conv2d`.

    "same" is ONNX's `auto_pad: SAME_UPPER`, which is TensorFlow's SAME.
    """

    stride: int
    dilation: int
    padding: tuple[int, int, int, int] | str


@dataclass(frozen=True)
class SourceConvolution:
    """A convolution or fully connected layer of a file: `weight` is OIHW, 1x1 where it was 2-d.

    `name` is that of the weight in the file. `pooled` says whether it reads a pooled tensor, None
    where the file does not tell.
    """

    name: str
    weight: Array
    bias: Array | None = None
    batch_norm: BatchNorm | None = None
    window: Window | None = None
    pooled: bool | None = None

    @property
    def shape(self) -> WeightShape:
        """OIHW."""
        out, inputs, height, width = self.weight.shape
        return (out, inputs, height, width)


@dataclass(frozen=True)
class SourceFile:
    """A weight file as read: `place` is its path, `notes` what the reader chose on the way.

    `strays` are tensors that belong to no convolution, with their shapes.
    """

    place: str
    convolutions: tuple[SourceConvolution, ...]
    notes: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()

    @property
    def folded(self) -> bool:
        """Whether no convolution has a batch normalization of its own."""
        return not any(conv.batch_norm for conv in self.convolutions)


def listed(lines: Sequence[str]) -> list[str]:
    """The first lines, as many as an error names, and how many more there are."""
    rest = len(lines) - NAMED_AT_MOST
    return [*lines[:NAMED_AT_MOST], *([f"and {rest} more"] if rest > 0 else [])]


def first_line(error: Exception) -> str:
    """The beginning of what a library says of a broken file, or the kind of its error."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

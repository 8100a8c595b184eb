"""Which laid rows the windows of a depthwise convolution of int8 see, and with which weights.

Rows of the image are laid together in groups of as many as a product instruction sums
(`interleave.py`), for a band of a few output rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel


@dataclass(frozen=True)
class Tap:
    """The weights of a group of laid rows in a column of the window, for one of the output rows."""

    group: int
    column: int
    row: int


class Taps:
    """Which groups of laid rows each of `rows` output rows sees. Row 0 is under the first's top.

    Laid rows are `dilation` rows of the image apart, so that several output rows share them only
    where it is 1.
    """

    def __init__(self, kernel: Kernel, size: int, rows: int) -> None:
        self.kernel, self.size = kernel, size
        self.rows = 1 if kernel.dilation > 1 else min(rows, kernel.output[0])

    def laid(self, rows: int) -> int:
        """How many rows lie under some output rows."""
        return (rows - 1) * self.kernel.stride + self.kernel.window

    def groups(self, rows: int) -> int:
        """How many groups they are."""
        return -(-self.laid(rows) // self.size)

    def users(self, group: int, rows: int) -> list[int]:
        """The output rows that see a row of a group."""
        first, after = group * self.size, (group + 1) * self.size
        tops = [row * self.kernel.stride for row in range(rows)]
        window = self.kernel.window
        return [row for row, top in enumerate(tops) if top < after and first < top + window]

    def listed(self) -> list[Tap]:
        """All of them, in the order in which their weights lie."""
        return [
            Tap(group, column, row)
            for group in range(self.groups(self.rows))
            for column in range(self.kernel.window)
            for row in self.users(group, self.rows)
        ]


def group_weights(weight: npt.NDArray[np.int8], taps: Taps, tap: Tap) -> npt.NDArray[np.int8]:
    """The values (size, channels) of a tap's group; zero outside of the window."""
    window, _, channels = weight.shape
    values = np.zeros((taps.size, channels), np.int8)
    for index in range(taps.size):
        row = tap.group * taps.size + index - tap.row * taps.kernel.stride
        if 0 <= row < window:
            values[index] = weight[row, tap.column]
    return values


@dataclass(frozen=True)
class Bands:
    """`count` bands of `rows` output rows from row `start`; `inside` says which laid rows exist."""

    start: int
    rows: int
    count: int
    inside: tuple[bool, ...]


def bands_of(kernel: Kernel, taps: Taps) -> Iterator[Bands]:
    """Cover the output rows; bands that have the same rows of padding are one loop."""
    pending: Bands | None = None
    for start in range(0, kernel.output[0], taps.rows):
        rows = min(taps.rows, kernel.output[0] - start)
        top = start * kernel.stride - kernel.padding[0]
        places = [top + number * kernel.dilation for number in range(taps.laid(rows))]
        inside = tuple(0 <= place < kernel.input[0] for place in places)
        if pending is not None and (pending.rows, pending.inside) == (rows, inside):
            pending = Bands(pending.start, rows, pending.count + 1, inside)
        else:
            if pending is not None:
                yield pending
            pending = Bands(start, rows, 1, inside)
    if pending is not None:
        yield pending

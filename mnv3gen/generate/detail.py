"""What a kernel's `detail` says in words, as numbers."""

from __future__ import annotations

from mnv3gen.compile.kernel import Kernel
from mnv3gen.graph.graph import Coordinates


def window_of(kernel: Kernel) -> tuple[tuple[int, int], tuple[int, int]]:
    """The window and the strides of an average, such as `7x7by1x1`."""
    window, strides = (
        tuple(int(side) for side in pair.split("x")) for pair in kernel.detail.split("by")
    )
    return (window[0], window[1]), (strides[0], strides[1])


def coordinates_of(kernel: Kernel) -> Coordinates:
    """How a resize counts coordinates."""
    return "align_corners" if kernel.detail == "align_corners" else "half_pixel"

"""What the name of a kernel says: kinds, and the multiply-adds of its convolutions.

A name is that of `mnv3gen.compile.kernel.Kernel`, or several with `__` between them for a function
that computes them together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CONVOLUTION = re.compile(
    r"(?P<kind>conv|dwconv)(?P<window>\d+)x\d+_\d+x\d+x(?P<read>\d+)"
    r"_(?P<height>\d+)x(?P<width>\d+)x(?P<channels>\d+)_"
)
_KIND = re.compile(r"[a-z]+(\dx\d)?(?=_\d)")
_BETWEEN = "__"
_POINTWISE = "conv1x1"


@dataclass(frozen=True)
class Convolution:
    """A convolution within a kernel: the height times width of its output, and multiply-adds."""

    kind: str
    positions: int
    madds: int


def kind_of(kernel: str) -> str:
    """Such as `dwconv5x5`, or `conv1x1+pool`."""
    kinds = (_KIND.match(part) for part in kernel.split(_BETWEEN))
    return "+".join(kind[0] for kind in kinds if kind) or kernel


def convolutions_of(kernel: str) -> list[Convolution]:
    """The convolutions that a kernel computes, in order."""
    return list(_convolutions(kernel))


def is_pointwise(kernel: str) -> bool:
    """Whether all multiply-adds are those of 1x1 convolutions, and there are some."""
    kinds = {each.kind for each in _convolutions(kernel)}
    return kinds == {_POINTWISE}


def is_partly_pointwise(kernel: str) -> bool:
    """Whether 1x1 convolutions are computed together with others."""
    kinds = {each.kind for each in _convolutions(kernel)}
    return _POINTWISE in kinds and len(kinds) > 1


def madds_of(kernel: str) -> int | None:
    """Multiply-adds of one call, padded positions counted too; None if it has no convolution.

    The sum of `mnv3gen.compile.kernel.Kernel.madds`, which a bundle does not carry.
    """
    convolutions = convolutions_of(kernel)
    return sum(each.madds for each in convolutions) if convolutions else None


def _convolutions(kernel: str) -> Iterator[Convolution]:
    for part in kernel.split(_BETWEEN):
        if found := _CONVOLUTION.match(part):
            sides = ("height", "width", "channels", "window", "read")
            height, width, channels, window, read = (int(found[side]) for side in sides)
            reads = 1 if found["kind"] == "dwconv" else read
            yield Convolution(
                kind=f"{found['kind']}{window}x{window}",
                positions=height * width,
                madds=height * width * channels * window**2 * reads,
            )

"""Rules that make a number of channels: rounding to eights, and squeeze-and-excite's width."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from mnv3gen.tables.network import Conventions


def make_divisible(value: Fraction | int, divisor: int = 8) -> int:
    """Round to the nearest multiple of ``divisor``, but never below 90% of ``value``.

    Halves go up; the least result is ``divisor``. This is `_make_divisible` of the authors' slim
    code (d = 8), in exact arithmetic.
    """
    rounded = max(divisor, int(value + Fraction(divisor, 2)) // divisor * divisor)
    return rounded + divisor if 10 * rounded < 9 * value else rounded


SQUEEZE_RULES: dict[str, Callable[[int, int], int]] = {
    "expansion/4": lambda width, channels: make_divisible(Fraction(width, 4)),
    "input/4": lambda width, channels: max(1, channels // 4),
    "input/4-rounded": lambda width, channels: make_divisible(Fraction(channels, 4)),
}
"""From what squeeze-and-excite works on, and the row's input, to the width of the squeeze layer.

"expansion/4" is section 5.3's; "input/4" is MnasNet's (`mnasnet_model.py`: int(0.25 * input));
rounded, it gives the parameters of table 6's MnasNet rows.
"""


def ticked_squeeze(conventions: Conventions, width: int, channels: int) -> int:
    """Return the squeeze width that a tick in the SE column means.

    ``width`` is what squeeze-and-excite works on: a bneck's expansion, a conv2d's output channels.
    ``channels`` is the width of the row's input.
    """
    return SQUEEZE_RULES[conventions.squeeze](width, channels)

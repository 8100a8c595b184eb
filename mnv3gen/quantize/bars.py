"""A row of bars as inline SVG, one for each layer, that scales to the width of a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 160
LEFT, BELOW = 34, 10  # room for the axis


def bars(values: Sequence[tuple[str, float | None]]) -> str:
    """Bars from 0 to each value, in order; a value that is None has none. Names are tool tips."""
    known = [value for _, value in values if value is not None]
    top, low = _round_up(max([*known, 0.0])), -_round_up(max([-it for it in known] + [0.0]))
    if top == low:
        top = 1.0
    unit = (HEIGHT - 2 * BELOW) / (top - low)
    step = (WIDTH - LEFT) / max(len(values), 1)
    zero = BELOW + top * unit
    parts = [
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 4}" y="{y + 4:.1f}">{tick:g}</text>'
        for tick in sorted({top, top / 2, 0.0, low})
        for y in [zero - tick * unit]
    ]
    for number, (name, value) in enumerate(values):
        if value is None:
            continue
        height = abs(value) * unit
        y = zero - height if value > 0 else zero
        parts.append(
            f'<rect x="{LEFT + number * step:.1f}" y="{y:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}"><title>{escape(name)}: {value:.4g}</title></rect>'
        )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if value <= factor * power * 1.0001)

"""Times as bars: p10, and a line from the minimum to the median."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv3gen.bench.rows import Row
from mnv3gen.bench.session import OURS
from mnv3gen.bench.summary import Summary
from mnv3gen.run import replacing_file

WIDTH, BAR, MARGIN = 8.0, 0.3, 0.9  # inches: of the picture; of a bar, and around a group's
RED, GREY = "#c0504d", "#a6a6a6"


@dataclass(frozen=True)
class Bar:
    """One bar; ``marked`` ones are red."""

    label: str
    times: Summary
    marked: bool


def bar_of(row: Row) -> Bar:
    """The bar of a runner, red for ours."""
    return Bar(f"{row.runner} {row.version}", row.times, row.runner == OURS)


def draw(groups: Mapping[str, Sequence[Bar]], path: Path) -> None:
    """Write bars by title, whole or not at all; the format is the suffix. Needs matplotlib."""
    from matplotlib.figure import Figure

    heights = [BAR * len(bars) + MARGIN for bars in groups.values()]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    axes = figure.subplots(len(groups), squeeze=False, height_ratios=heights)[:, 0]
    for each, (title, bars) in zip(axes, groups.items(), strict=True):
        p10 = [bar.times.p10_ms for bar in bars]
        down = [bar.times.p10_ms - bar.times.min_ms for bar in bars]
        up = [bar.times.median_ms - bar.times.p10_ms for bar in bars]
        colours = [RED if bar.marked else GREY for bar in bars]
        labels = [bar.label for bar in bars]
        drawn = each.barh(labels, p10, xerr=[down, up], color=colours, ecolor="#404040")
        each.bar_label(drawn, [f"{value:.3g}" for value in p10], label_type="center")
        each.invert_yaxis()
        each.set_title(title, loc="left", fontsize=10)
        each.set_xlabel("ms: p10, and a line from the minimum to the median", fontsize=8)
        each.spines[["top", "right"]].set_visible(False)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower()[1:], dpi=120)

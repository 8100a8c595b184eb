"""A profile as a picture: nested bars, each as wide as its part of the whole."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnv3gen.errors import InputError
from mnv3gen.profile.instructions import InstructionProfile, KernelWork
from mnv3gen.profile.names import kind_of
from mnv3gen.profile.times import TimeProfile
from mnv3gen.run import replacing_file

FORMATS = (".png", ".svg", ".pdf")
WIDTH, ROW = 16.0, 1.3  # inches: of the picture, and the height of a level
CHARACTER, LINE = 0.075, 0.15  # inches, about, that a character is wide and a line high
MARKED = "#d62728"


@dataclass(frozen=True)
class Bar:
    """A bar with those under it, which are a part of it; ``marked`` is painted red."""

    label: str
    value: float
    parts: tuple[Bar, ...] = ()
    marked: bool = False

    @property
    def depth(self) -> int:
        """How many levels there are, this one counted."""
        return 1 + max((part.depth for part in self.parts), default=0)


def check_plot(path: Path) -> None:
    """InputError at once for a picture that `draw` could not write after the work."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            "no picture of this format",
            place="--plot",
            found=path,
            expected=f"one of {', '.join(FORMATS)}",
        )
    if not path.parent.is_dir():
        raise InputError("no such folder", place="--plot", found=path.parent)
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError(
            "matplotlib is not installed", place="--plot", expected="pip install 'mnv3gen[plot]'"
        )


def bars_of(profile: InstructionProfile | TimeProfile, name: str) -> Bar:
    """The whole, kinds of kernels, kernels, and for instructions their loops: red with spills."""
    if isinstance(profile, TimeProfile):
        kernels = [
            (kernel.name, Bar(_label(kernel.name, kernel.calls), kernel.median_ms * kernel.calls))
            for kernel in profile.kernels
        ]
        return _whole(f"{name}: {profile.median_ms:.2f} ms", kernels)
    work = [(kernel.name, _kernel(kernel)) for kernel in profile.kernels if kernel.kernel]
    total = f"{profile.total.instructions / 1e6:.1f} M instructions"
    return _whole(f"{name}: {total} (loops: for each vector multiply-add; red: with spills)", work)


def draw(bar: Bar, path: Path) -> None:
    """Write the picture, whole or not at all; needs matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, ROW * (bar.depth + 1)), layout="constrained")
    axes = figure.add_subplot()
    for level, left, each in _placed(bar):
        _draw_bar(axes, level, left, each, bar)
    axes.set_xlim(0, bar.value)
    axes.set_ylim(bar.depth, 0)
    axes.set_axis_off()
    with replacing_file(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lower()[1:], dpi=120)


def _whole(label: str, kernels: Sequence[tuple[str, Bar]]) -> Bar:
    kinds: dict[str, list[Bar]] = {}
    for name, bar in kernels:
        kinds.setdefault(kind_of(name), []).append(bar)
    parts = [Bar(kind, sum(bar.value for bar in bars), tuple(bars)) for kind, bars in kinds.items()]
    parts.sort(key=lambda part: -part.value)
    return Bar(label, sum(part.value for part in parts), tuple(parts))


def _kernel(kernel: KernelWork) -> Bar:
    loops = tuple(
        Bar(
            "" if loop.work.per_fmla is None else f"{loop.work.per_fmla:.2f}",
            loop.work.instructions,
            marked=loop.work.spills > 0,
        )
        for loop in kernel.hot_loops
    )
    return Bar(_label(kernel.name, kernel.calls), kernel.work.instructions, loops)


def _label(kernel: str, calls: int) -> str:
    """What the bar above, the kind, does not say."""
    rest = kernel.removeprefix(f"{kind_of(kernel)}_").replace("__", "_")
    return rest if calls == 1 else f"{rest}_x{calls}"


def _placed(bar: Bar, level: int = 0, left: float = 0) -> Iterator[tuple[int, float, Bar]]:
    """Every bar with its level from the top and where it starts."""
    yield level, left, bar
    for part in bar.parts:
        yield from _placed(part, level + 1, left)
        left += part.value


def _draw_bar(axes: Any, level: int, left: float, bar: Bar, whole: Bar) -> None:
    from matplotlib import colormaps

    shade = colormaps["YlOrBr"](0.2 + 0.5 * bar.value / whole.value)
    colour = MARKED if bar.marked else shade
    axes.broken_barh([(left, bar.value)], (level, 1), facecolor=colour, edgecolor="white")
    width = bar.value / whole.value * WIDTH
    for room, height, rotation in ((width, ROW, 0), (ROW, width, 90)):
        text = _wrapped(bar.label, int(room / CHARACTER))
        if text and (text.count("\n") + 1) * LINE <= height:
            place = (left + bar.value / 2, level + 0.5)
            axes.text(*place, text, ha="center", va="center", fontsize=8, rotation=rotation)
            break


def _wrapped(label: str, room: int) -> str:
    """The label in lines of at most ``room`` characters, broken at underscores, or nothing."""
    lines = [""]
    for part in label.split("_"):
        if lines[-1] and len(f"{lines[-1]}_{part}") > room:
            lines.append(part)
        else:
            lines[-1] = f"{lines[-1]}_{part}" if lines[-1] else part
    return "\n".join(lines) if max(map(len, lines)) <= room else ""

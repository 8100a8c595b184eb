"""The plots of a report on searches, by Bokeh: they zoom, and fit a phone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from mnv3gen.report.search_data import (
    Adapted,
    Content,
    Point,
    Search,
    frontier,
    step_points,
    trial_points,
)
from mnv3gen.report.study import Measured
from mnv3gen.search.finalists import Finalist

HEIGHT = 380  # pixels; the width is the page's
COLOURS = ("#3b76b8", "#c0504d", "#5a9e4b", "#8064a2", "#c98a1a", "#4bacc6")
GREY = "#8c8c8c"
TIPS = [("", "@name"), ("ms", "@ms{0.0000}"), ("accuracy", "@accuracy{0.00} %"), ("", "@how")]
WINDOW = 20  # trials that a mean is of


def frontier_plot(content: Content) -> Any:
    """Accuracy over latency: every trial, the searches' frontiers, NetAdapt's path, the others."""
    figure = _figure("latency, ms", "accuracy, %", TIPS)
    colours = iter(COLOURS * 4)
    for search in content.searches:
        points = trial_points(search)
        colour = next(colours)
        _scatter(figure, points, colour, f"trials of {search.name}", size=5, alpha=0.35)
        _line(figure, frontier(points), colour, f"their frontier ({search.name})")
        final = _finalists(search)
        _scatter(figure, final, colour, f"finalists, measured whole ({search.name})", size=10)
    for adapted in content.adapted:
        colour = next(colours)
        points = step_points(adapted)
        _line(figure, points, colour, f"NetAdapt's path ({adapted.name})", dash="dashed")
        _scatter(figure, points, colour, f"NetAdapt's steps ({adapted.name})", size=6)
        _scatter(figure, _final(adapted), colour, f"trained from scratch ({adapted.name})", size=12)
    _line(figure, frontier(content.others), GREY, "frontier of the networks beside")
    _scatter(figure, list(content.others), GREY, "networks beside", size=8)
    _whiskers(figure, content.others, GREY)
    return _finished(figure)


def reward_plot(search: Search) -> Any:
    """The reward of every trial in order, the best until then, and the mean of the last ones."""
    figure = _figure("trial", "reward", [("trial", "@x"), ("reward", "@y{0.0000}")])
    scored = [(trial.number, trial.reward) for trial in search.trials if trial.reward is not None]
    numbers = [number for number, _ in scored]
    rewards = [reward for _, reward in scored]
    best = [max(rewards[: index + 1]) for index in range(len(rewards))]
    recent = [
        statistics.fmean(rewards[max(0, index - WINDOW + 1) : index + 1])
        for index in range(len(rewards))
    ]
    figure.scatter(
        numbers, rewards, size=5, color=COLOURS[0], alpha=0.4, legend_label="reward of a trial"
    )
    figure.line(numbers, best, color=COLOURS[1], line_width=2, legend_label="best until then")
    label = f"mean of the last {WINDOW}"
    figure.line(numbers, recent, color=COLOURS[2], line_width=2, legend_label=label)
    return _finished(figure)


def steps_plot(adapted: Adapted) -> Any:
    """The latency of every step as measured, and the target."""
    figure = _figure("step", "latency, ms", [("step", "@x"), ("ms", "@y{0.0000}"), ("", "@what")])
    from bokeh.models import ColumnDataSource

    numbers = [step.number for step in adapted.steps]
    measured = [step.measured_ms for step in adapted.steps]
    what = [step.chosen or "seed" for step in adapted.steps]
    data = ColumnDataSource({"x": numbers, "y": measured, "what": what})
    figure.line("x", "y", source=data, color=COLOURS[0], line_width=2, legend_label="measured")
    figure.scatter("x", "y", source=data, color=COLOURS[0], size=7, legend_label="measured")
    target = adapted.settings.get("target_ms")
    if isinstance(target, int | float):
        ends, both = [0, max(numbers, default=1)], [target, target]
        figure.line(ends, both, color=GREY, line_dash="dashed", legend_label="target")
    return _finished(figure)


def reductions_plot(adapted: Adapted) -> Any:
    """What each step saves, as measured, beside 0.9 of delta, with twice the standard error."""
    figure = _figure("step", "saved, % of the seed", [("step", "@x"), ("saved", "@top{0.00} %")])
    steps = [step for step in adapted.steps if step.verified]
    numbers = [step.number for step in steps]
    saved = [100 * step.verified[-1].reduction for step in steps]
    figure.vbar(
        x=numbers, top=saved, width=0.7, color=COLOURS[0], legend_label="saved, as measured"
    )
    errors = [196 * step.verified[-1].error * step.share for step in steps]
    lows = [value - error for value, error in zip(saved, errors, strict=True)]
    highs = [value + error for value, error in zip(saved, errors, strict=True)]
    figure.segment(numbers, lows, numbers, highs, color="#404040", line_width=2)
    delta = adapted.settings.get("delta")
    if isinstance(delta, int | float) and numbers:
        ends = [min(numbers) - 0.5, max(numbers) + 0.5]
        figure.line(ends, [90 * delta] * 2, color=COLOURS[1], legend_label="0.9 delta")
    return _finished(figure)


def components_plot(study: Sequence[Measured]) -> Any:
    """Figure 9's way as bars of latency, one component after the other."""
    rows = [it for it in study if it.part == "component"]
    return _bars([it.label for it in rows], [it.ms for it in rows], COLOURS[0])


def nonlinearities_plot(study: Sequence[Measured]) -> Any:
    """Table 5: each choice with h-swish fused and operation by operation."""
    rows = [it for it in study if it.part == "nonlinearity" and it.width == "1.0"]
    return _bars(
        [it.title for it in rows],
        [it.ms for it in rows],
        [GREY if it.naive else COLOURS[0] for it in rows],
    )


def widths_plot(study: Sequence[Measured]) -> Any:
    """Figure 8 without its accuracies: latency over the multiplier, choice by choice."""
    figure = _figure("width multiplier", "latency, ms", [("", "@what"), ("ms", "@y{0.000}")])
    from bokeh.models import ColumnDataSource

    rows = [it for it in study if it.part == "nonlinearity"]
    labels = list(dict.fromkeys(it.label for it in rows))
    for colour, label in zip(COLOURS, labels, strict=False):
        for naive in (False, True):
            own = sorted(
                (it for it in rows if (it.label, it.naive) == (label, naive)),
                key=lambda it: float(it.width),
            )
            if not own:
                continue
            name = own[0].title
            data = ColumnDataSource(
                {
                    "x": [float(it.width) for it in own],
                    "y": [it.ms for it in own],
                    "what": [f"{name}, width {it.width}" for it in own],
                }
            )
            dash = "dashed" if naive else "solid"
            figure.line(
                "x", "y", source=data, color=colour, line_dash=dash, line_width=2, legend_label=name
            )
            figure.scatter("x", "y", source=data, color=colour, size=6, legend_label=name)
    return _finished(figure)


def _figure(x: str, y: str, tips: list[tuple[str, str]]) -> Any:
    """An empty plot: the wheel, or two fingers, zoom; one finger scrolls the page."""
    from bokeh.models import BoxZoomTool, HoverTool, PanTool, ResetTool, SaveTool, WheelZoomTool
    from bokeh.plotting import figure

    wheel = WheelZoomTool()
    buttons = [BoxZoomTool(), ResetTool(), PanTool(), wheel, SaveTool()]
    found = figure(
        height=HEIGHT,
        sizing_mode="stretch_width",
        x_axis_label=x,
        y_axis_label=y,
        tools=[*buttons, HoverTool(tooltips=tips)],
        toolbar_location="above",
        active_drag=None,
        active_scroll=wheel,
    )
    found.toolbar.logo = None
    return found


def _finished(figure: Any) -> Any:
    """The legend below: on a phone it would hide the plot."""
    if figure.legend:
        legend = figure.legend[0]
        figure.add_layout(legend, "below")
        legend.click_policy, legend.location = "hide", "left"
        legend.label_text_font_size = "9pt"
        legend.spacing, legend.padding = 0, 4
        figure.height = HEIGHT + 22 * len(legend.items)
    return figure


def _bars(labels: list[str], values: list[float], colour: Any) -> Any:
    from bokeh.models import ColumnDataSource, HoverTool
    from bokeh.plotting import figure

    lines = [_wrapped(label) for label in labels]
    found = figure(
        y_range=lines[::-1],
        height=90 + 44 * len(lines),
        sizing_mode="stretch_width",
        x_axis_label="latency, ms",
        tools=["wheel_zoom", "box_zoom", "reset", "save"],
        toolbar_location="above",
        active_drag=None,
    )
    found.add_tools(HoverTool(tooltips=[("", "@name"), ("ms", "@right{0.000}")]))
    colours = colour if isinstance(colour, list) else [colour] * len(lines)
    data = ColumnDataSource({"y": lines, "right": values, "name": labels, "colour": colours})
    found.hbar(y="y", right="right", height=0.7, color="colour", source=data)
    found.x_range.start = 0
    found.toolbar.logo = None
    return found


def _wrapped(label: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(label, 24))


def _data(points: Sequence[Point]) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource(
        {
            "name": [it.name for it in points],
            "ms": [it.ms for it in points],
            "accuracy": [100 * it.accuracy for it in points],
            "how": [it.how for it in points],
        }
    )


def _scatter(
    figure: Any, points: Sequence[Point], colour: str, label: str, size: int, alpha: float = 1.0
) -> None:
    if points:
        figure.scatter(
            "ms",
            "accuracy",
            source=_data(points),
            size=size,
            color=colour,
            alpha=alpha,
            legend_label=label,
        )


def _whiskers(figure: Any, points: Sequence[Point], colour: str) -> None:
    """From the lowest to the highest of several trainings."""
    spread = [it for it in points if it.lowest is not None and it.highest is not None]
    figure.segment(
        [it.ms for it in spread],
        [100 * (it.lowest or 0) for it in spread],
        [it.ms for it in spread],
        [100 * (it.highest or 0) for it in spread],
        color=colour,
        line_width=2,
    )


def _line(
    figure: Any, points: Sequence[Point], colour: str, label: str, dash: str = "solid"
) -> None:
    if len(points) > 1:
        figure.line(
            "ms",
            "accuracy",
            source=_data(points),
            color=colour,
            line_dash=dash,
            line_width=2,
            legend_label=label,
        )


def _finalists(search: Search) -> list[Point]:
    return [
        Point(
            name=f"trial {it.trial}",
            ms=it.measured.ms,
            accuracy=it.accuracy if it.trained is None else it.trained.value,
            how=f"{_evaluator(search, it)}; latency measured",
        )
        for it in search.finalists
        if it.measured is not None
    ]


def _evaluator(search: Search, finalist: Finalist) -> str:
    trained = finalist.trained
    if trained is None:
        return str(search.settings.get("evaluator"))
    return f"trained alone for {trained.epochs} epochs"


def _final(adapted: Adapted) -> list[Point]:
    final = adapted.final
    if final is None or final.accuracy is None:
        return []
    how = f"test pictures, {final.epochs} epochs from scratch; latency measured"
    return [Point(name="final", ms=final.ms, accuracy=final.accuracy, how=how)]

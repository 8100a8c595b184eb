"""The report on searches as one HTML page that loads nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from mnv3gen.errors import InputError
from mnv3gen.report import search_plots as plots
from mnv3gen.report.rows import COLUMNS, Pair, pairs
from mnv3gen.report.search_data import Adapted, Content, Search
from mnv3gen.report.study import Measured
from mnv3gen.search.netadapt.journal import Step
from mnv3gen.tables.network import Network

_TEMPLATE = Path(__file__).resolve().parent / "templates" / "search.html"
SHORT = 160  # characters of a setting that are shown


class Section:
    """A heading, words in HTML, and a plot if there is one."""

    def __init__(self, title: str, words: str = "", plot: Any = None) -> None:
        self.title, self.words, self.plot = title, words, plot


def page(
    content: Content,
    study: Sequence[Measured],
    chosen: Network | None,
    reference: Network | None,
    title: str,
) -> str:
    """The page. `chosen` is the table that is set beside `reference`, row by row.

    InputError without Bokeh.
    """
    need_bokeh()
    from bokeh.embed import components
    from bokeh.resources import Resources

    sections = [*_frontier(content), *_searches(content), *_adaptations(content)]
    if chosen is not None and reference is not None:
        sections.append(_tables(chosen, reference))
    sections += _study(study)
    models = {str(index): it.plot for index, it in enumerate(sections) if it.plot is not None}
    script, divisions = components(models) if models else ("", {})
    library = Resources(mode="inline", components=["bokeh"], minified=True)
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        library="\n".join(library.js_raw),
        sections="\n".join(
            f"<h2>{escape(it.title)}</h2>\n{it.words}\n{divisions.get(str(index), '')}"
            for index, it in enumerate(sections)
        ),
        script=script,
    )


def need_bokeh() -> None:
    """InputError that says how to get Bokeh, if it is not installed."""
    import importlib.util

    if importlib.util.find_spec("bokeh") is None:
        raise InputError(
            "Bokeh is not installed, which draws the plots",
            place="mnv3gen report",
            expected="pip install 'mnv3gen[report]'",
        )


def _frontier(content: Content) -> Iterator[Section]:
    words = (
        "<p>Up and to the left is better. Accuracies of different evaluators are not comparable: "
        "a trial's, a step's and a finished training's say which they are when touched.</p>"
    )
    yield Section("Accuracy over latency", words, plots.frontier_plot(content))


def _searches(content: Content) -> Iterator[Section]:
    for search in content.searches:
        yield Section(
            f"Search {search.name}: reward over trials",
            _facts(search.settings.items()) + _count(search),
            plots.reward_plot(search),
        )
        if search.finalists:
            yield Section(f"Search {search.name}: finalists, measured whole", _final_rows(search))


def _adaptations(content: Content) -> Iterator[Section]:
    for adapted in content.adapted:
        shown = {key: it for key, it in adapted.settings.items() if key not in ("table", "format")}
        words = _facts(shown.items()) + _end(adapted)
        name = f"NetAdapt {adapted.name}"
        yield Section(f"{name}: the path", words, plots.steps_plot(adapted))
        if len(adapted.steps) > 1:
            rows = map(_step_row, adapted.steps)
            head = ("step", "chosen", "measured ms", "saved", "accuracy", "refused", "proposals")
            table = _table(head, rows, text=2)
            yield Section(f"{name}: what each step saves", table, plots.reductions_plot(adapted))


def _study(study: Sequence[Measured]) -> Iterator[Section]:
    parts = {it.part for it in study}
    where = ", ".join(sorted({f"{it.device}, compiled for {it.target}" for it in study}))
    note = f"<p>Latencies of our binaries: {escape(where)}. Top-1 and P-1 are the paper's.</p>"
    if "component" in parts:
        rows = [it for it in study if it.part == "component"]
        words = note + _study_table(rows)
        yield Section("Components (figure 9)", words, plots.components_plot(study))
    if "nonlinearity" in parts:
        rows = [it for it in study if it.part == "nonlinearity" and it.width == "1.0"]
        words = note + _study_table(rows)
        yield Section("Non-linearities (table 5)", words, plots.nonlinearities_plot(study))
        if len({it.width for it in study if it.part == "nonlinearity"}) > 1:
            words = "<p>Figure 8 without its accuracies, which the paper prints for width 1 only."
            plot = plots.widths_plot(study)
            yield Section("Non-linearities over the width (figure 8)", words + "</p>", plot)


def _study_table(rows: Sequence[Measured]) -> str:
    first = rows[0].ms if rows else 1.0
    head = ("", "ms", "to the first", "million madds", "top-1, %", "P-1, ms")
    cells = (
        (
            it.title,
            f"{it.ms:.3f}",
            f"{it.ms / first - 1:+.1%}",
            f"{it.madds / 1e6:.1f}" if it.madds else "",
            "" if it.top1 is None else f"{it.top1:g}",
            "" if it.paper_ms is None else f"{it.paper_ms:g}",
        )
        for it in rows
    )
    return _table(head, cells, text=1)


def _tables(chosen: Network, reference: Network) -> Section:
    """The chosen table beside another, differing cells marked."""
    head = "".join(
        f'<th class="text" colspan="{len(COLUMNS)}">{escape(name)}</th>'
        for name in (chosen.name, reference.name)
    )
    names = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS * 2)
    rows = "".join(map(_pair, pairs(chosen, reference)))
    table = f"<thead><tr>{head}</tr><tr>{names}</tr></thead><tbody>{rows}</tbody>"
    words = "<p>Rows at the same place of the image stand side by side; what differs is marked."
    return Section(
        f"The chosen table beside {reference.name}, row by row",
        f'{words}</p><div class="wide"><table>{table}</table></div>',
    )


def _pair(pair: Pair) -> str:
    cells = []
    for side, values in enumerate((pair.left, pair.right)):
        for index in range(len(COLUMNS)):
            classes = ["differs"] if pair.differs[index] else []
            classes += ["text"] if index < 2 else []
            classes += ["middle"] if side and not index else []
            value = escape(values[index]) if values else ""
            cells.append(f'<td class="{" ".join(classes)}">{value}</td>')
    return f"<tr>{''.join(cells)}</tr>\n"


def _end(adapted: Adapted) -> str:
    final = adapted.final
    if final is None:
        return "<p>The run has not come to its end.</p>"
    accuracy = ""
    if final.accuracy is not None:
        accuracy = (
            f" Trained from scratch for {final.epochs} epochs it gets {final.accuracy:.2%} of "
            f"{final.pictures:,} test pictures right."
        )
    return (
        f"<p>In turns the seed took {final.seed_ms:.4g} ms and the result {final.ms:.4g}: "
        f"{1 - final.ratio:.1%} ± {1.96 * final.error:.1%} less; wanted were "
        f"{final.target_ms:.4g} ms.{accuracy}</p>"
    )


def _step_row(step: Step) -> tuple[str, ...]:
    saved = "" if not step.verified else f"{step.verified[-1].reduction:.2%}"
    refused = sum(not it.accepted for it in step.verified)
    return (
        str(step.number),
        step.chosen or "seed",
        f"{step.measured_ms:.4g}",
        saved,
        f"{step.accuracy:.2%}",
        str(refused),
        str(len(step.proposals)),
    )


def _final_rows(search: Search) -> str:
    head = (
        *("trial", "accuracy", "trained alone", "searched ms", "measured ms"),
        *("at the table's speed", "error", "reward"),
    )
    rows = (
        (
            str(it.trial),
            f"{it.accuracy:.2%}",
            "" if it.trained is None else f"{it.trained.value:.2%}",
            f"{it.searched.ms:.4g}",
            "" if it.measured is None else f"{it.measured.ms:.4g}",
            "" if it.steady_ms is None else f"{it.steady_ms:.4g}",
            "" if it.error is None else f"{it.error:+.1%}",
            it.reason.splitlines()[0] if it.reward is None and it.reason else f"{it.reward:.4f}",
        )
        for it in search.finalists
    )
    return _table(head, rows, text=0)


def _count(search: Search) -> str:
    counts = {
        state: sum(it.state == state for it in search.trials)
        for state in ("ok", "stopped", "failed")
    }
    words = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    return f"<p>{len(search.trials)} trials: {words or 'none yet'}.</p>"


def _facts(items: Iterable[tuple[str, object]]) -> str:
    rows = "".join(
        f"<dt>{escape(key.replace('_', ' '))}</dt><dd>{escape(str(value)[:SHORT])}</dd>"
        for key, value in items
    )
    return f"<dl>{rows}</dl>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], text: int) -> str:
    """A table whose first `text` columns are words."""

    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f'<{tag} class="{"text" if index < text else ""}">{escape(value)}</{tag}>'
            for index, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>\n" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )

"""The report of `mnv3gen quantize` as one HTML page, which loads nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from mnv3gen.quantize.bars import bars
from mnv3gen.quantize.layers import Layer
from mnv3gen.quantize.report import Report

_TEMPLATE = Path(__file__).resolve().parent / "templates" / "report.html"

_KEPT = ' class="float"'

COLUMNS: tuple[tuple[str, str], ...] = (
    ("layer", "operator and the tensor that it makes"),
    ("range", "what int8 covers"),
    ("scale", "the unit of an element"),
    ("zero", "the element of 0"),
    ("raised", "scale over what the range asks for"),
    ("spread", "largest over smallest weight scale of the channels"),
    ("SQNR", "accumulated: power of the float tensor over the difference, dB"),
    ("cosine", "between the two"),
    ("own", "error at the outputs by this operator's integers alone, dB"),
    ("rounding", "error at the outputs by rounding this tensor alone, dB"),
)


def page(report: Report, mixed: Mapping[str, Any] | None = None) -> str:
    """`mixed` is what `mnv3gen.cli.mixing.as_json` makes of a choice."""
    statistics = report.statistics
    measured = any(layer.rounding_loss is not None for layer in report.layers)
    charts = [("Accumulated SQNR, dB", _chart(report.layers, lambda it: it.sqnr_db))]
    if measured:
        charts.append(
            ("Share of the predicted error, %: operators and their tensors", _shares(report))
        )
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"{statistics.network} in int8"),
        facts="".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in _facts(report)),
        charts="".join(f"<h2>{escape(name)}</h2>{chart}" for name, chart in charts),
        head="".join(f'<th title="{escape(why)}">{escape(name)}</th>' for name, why in COLUMNS),
        legend="".join(f"<li><b>{escape(name)}</b>: {escape(why)}</li>" for name, why in COLUMNS),
        rows="".join(map(_row, report.layers)),
        mixed="" if mixed is None else _mixed(mixed),
        skipped=_skipped(report.skipped),
    )


def _facts(report: Report) -> list[tuple[str, str]]:
    statistics = report.statistics
    kept = len(statistics.float_nodes)
    return [
        ("operators", f"{report.int8_nodes} in int8, {kept} in float32"),
        ("agreement", f"{report.agreement:.2%} of arg-maxes, on {report.compared} pictures"),
        ("of other pictures", f"{report.expected_agreement:.2%} of arg-maxes to be expected"),
        ("outputs", "no error" if report.sqnr_db is None else f"SQNR {report.sqnr_db:.1f} dB"),
        ("calibration", f"{statistics.pictures} pictures, observer {statistics.observer}"),
        ("biases", "corrected" if statistics.shifts else "not corrected"),
        ("scales raised", str(len(report.raised))),
        ("table, weights", f"{statistics.table}, {statistics.weights}"),
    ]


def _chart(layers: Sequence[Layer], value: Callable[[Layer], float | None]) -> str:
    return bars([(layer.name, value(layer)) for layer in layers])


def _shares(report: Report) -> str:
    losses = [(it.name, (it.own_loss or 0) + (it.rounding_loss or 0)) for it in report.layers]
    whole = sum(loss for _, loss in losses) or 1.0
    return bars([(name, 100 * loss / whole) for name, loss in losses])


def _row(layer: Layer) -> str:
    low, high = layer.range
    shape = "x".join(map(str, layer.shape))
    kind = "" if layer.int8 else _KEPT
    cells = [
        f"{low:.4g} … {high:.4g}",
        f"{layer.scale:.4g}",
        str(layer.zero_point),
        f"{layer.raised:.2f}" if layer.raised != 1 else "",
        _number(layer.weight_spread, ".1f"),
        _number(layer.sqnr_db, ".1f"),
        _number(layer.cosine, ".5f"),
        _number(_decibels(layer.own_loss), ".1f"),
        _number(_decibels(layer.rounding_loss), ".1f"),
    ]
    first = (
        f"<th>{escape(layer.name)}<small>{escape(layer.operator)}, {shape}"
        f"{'' if layer.int8 else ', float32'}</small></th>"
    )
    return f"<tr{kind}>{first}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n"


def _mixed(mixed: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr{_KEPT if part['kept'] else ''}>"
        f"<th>{escape(', '.join(part['nodes']))}</th>"
        f"<td>{part['float32_cost']:.4g}</td><td>{part['int8_cost']:.4g}</td>"
        f"<td>{_number(part['loss_db'], '.1f')}</td><td>{part['order'] + 1}</td>"
        f"<td>{'float32' if part['kept'] else 'int8'}</td></tr>\n"
        for part in mixed["parts"]
    )
    unit = escape(f"{mixed['cost_unit']}, {mixed['cost']}")
    return (
        f"<h2>Kept in float32 for a budget of {escape(mixed['budget'])}</h2>"
        f"<p>{mixed['agreement']:.2%} of arg-maxes agree on {mixed['pictures']} pictures; what is "
        f"kept costs {mixed['added_cost']:.4g} more ({unit}), conversions not counted.</p>"
        '<div class="wide"><table><thead><tr><th>part</th><th>float32</th><th>int8</th>'
        f"<th>loss, dB</th><th>order</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _skipped(skipped: Sequence[str]) -> str:
    if not skipped:
        return ""
    items = "".join(f"<li>{escape(problem.splitlines()[0])}</li>" for problem in skipped)
    return f"<h2>{len(skipped)} pictures could not be read</h2><ul>{items}</ul>"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _decibels(power: float | None) -> float | None:
    return 10 * math.log10(power) if power else None

"""What stands beside the page of a report: all of its figures as JSON, and as CSV by subject."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from mnv3gen.report.rows import COLUMNS, pairs
from mnv3gen.report.search_data import Content, Point, frontier, step_points, trial_points
from mnv3gen.report.study import Measured
from mnv3gen.tables.network import Network
from mnv3gen.train.state import replace_bytes

Rows = Iterable[Sequence[object]]


def write_files(
    path: Path,
    page: str,
    content: Content,
    study: Sequence[Measured],
    tables: tuple[Network, Network] | None,
) -> list[Path]:
    """Write the page, and beside it JSON and CSV named after it; each whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = {path: page.encode()}
    everything = {"content": content, "study": list(study)}
    encoded = msgspec.json.format(msgspec.json.encode(everything), indent=1)
    files[path.with_suffix(".json")] = encoded + b"\n"
    for name, rows in _tables(content, study, tables):
        files[path.with_name(f"{path.stem}-{name}.csv")] = _csv(rows)
    for file, data in files.items():
        replace_bytes(file, data)
    return list(files)


def _tables(
    content: Content, study: Sequence[Measured], tables: tuple[Network, Network] | None
) -> Iterator[tuple[str, Rows]]:
    yield "frontier", _frontier(content)
    if content.searches:
        yield "trials", _trials(content)
    if content.adapted:
        yield "netadapt", _steps(content)
    if study:
        yield "study", _study(study)
    if tables is not None:
        yield "table", _rows(*tables)


def _frontier(content: Content) -> Iterator[Sequence[object]]:
    yield "series", "name", "ms", "accuracy", "lowest", "highest", "how", "on its frontier"
    series: list[tuple[str, list[Point]]] = [
        *((it.name, trial_points(it)) for it in content.searches),
        *((it.name, step_points(it)) for it in content.adapted),
        ("beside", list(content.others)),
    ]
    for name, points in series:
        best = frontier(points)
        for it in points:
            lowest = "" if it.lowest is None else it.lowest
            highest = "" if it.highest is None else it.highest
            yield name, it.name, it.ms, it.accuracy, lowest, highest, it.how, int(it in best)


def _trials(content: Content) -> Iterator[Sequence[object]]:
    yield "search", "number", "controller", "state", "accuracy", "ms", "source", "reward", "reason"
    for search in content.searches:
        for it in search.trials:
            accuracy = "" if it.accuracy is None else it.accuracy.value
            ms = "" if it.latency is None else it.latency.ms
            source = "" if it.latency is None else it.latency.source
            reward = "" if it.reward is None else it.reward
            row = (search.name, it.number, it.controller, it.state, accuracy, ms, source, reward)
            yield *row, it.reason


def _steps(content: Content) -> Iterator[Sequence[object]]:
    names = ("step", "chosen", "accuracy", "measured_ms", "share", "reduction", "error", "refused")
    yield "run", *names
    for adapted in content.adapted:
        for it in adapted.steps:
            last = it.verified[-1] if it.verified else None
            saved = ("", "") if last is None else (last.reduction, last.error)
            refused = sum(not each.accepted for each in it.verified)
            row = (it.number, it.chosen, it.accuracy, it.measured_ms, it.share)
            yield adapted.name, *row, *saved, refused


def _study(study: Sequence[Measured]) -> Iterator[Sequence[object]]:
    yield Measured.__struct_fields__
    for it in study:
        yield [
            " ".join(value) if isinstance(value, tuple) else value
            for value in msgspec.structs.astuple(it)
        ]


def _rows(chosen: Network, reference: Network) -> Iterator[Sequence[object]]:
    yield [f"{name} {column}" for name in ("chosen", reference.name) for column in COLUMNS]
    empty = ("",) * len(COLUMNS)
    for pair in pairs(chosen, reference):
        yield [*(pair.left or empty), *(pair.right or empty)]


def _csv(rows: Rows) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()

"""What a report on searches is made of: their folders, other networks' results, a study."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from mnv3gen.errors import InputError
from mnv3gen.search.finalists import BEST, Finalist, read_finalists
from mnv3gen.search.netadapt import outcome
from mnv3gen.search.netadapt import request as requests
from mnv3gen.search.netadapt.journal import STEPS, Step, steps_of
from mnv3gen.search.settings import FILE as NAS
from mnv3gen.search.trials import FILE as TRIALS
from mnv3gen.search.trials import Trial, read_trials

T = TypeVar("T")
HEADER = ("name", "ms", "accuracy")


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A network on the frontier's plot; `how` names the evaluator and the source of the latency.

    `accuracy` is a share; of several trainings it is the mean, beside the lowest and the highest.
    """

    name: str
    ms: float
    accuracy: float
    how: str
    lowest: float | None = None
    highest: float | None = None


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A block-wise search: its settings, trials, and the finalists that were measured whole."""

    name: str
    settings: dict[str, object]
    trials: tuple[Trial, ...]
    finalists: tuple[Finalist, ...] = ()
    best: str = ""


class Adapted(msgspec.Struct, frozen=True, kw_only=True):
    """A NetAdapt run: what it was asked, its steps, and the end if it has come to it."""

    name: str
    settings: dict[str, object]
    steps: tuple[Step, ...]
    final: outcome.Final | None = None
    table: str = ""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """All of a report."""

    searches: tuple[Search, ...]
    adapted: tuple[Adapted, ...]
    others: tuple[Point, ...] = ()


def read_folders(folders: Sequence[Path], others: tuple[Point, ...] = ()) -> Content:
    """The content of some folders; InputError for one that is neither kind of search."""
    searches, adapted = [], []
    for folder in folders:
        if (folder / NAS).is_file():
            searches.append(_search(folder))
        elif (folder / requests.FILE).is_file():
            adapted.append(_adapted(folder))
        else:
            raise InputError(
                "not the folder of a search",
                place=str(folder),
                expected=f"one with {NAS} (`mnv3gen search nas -o`) or {requests.FILE} "
                "(`mnv3gen search netadapt -o`)",
            )
    return Content(searches=tuple(searches), adapted=tuple(adapted), others=others)


def read_networks(path: Path) -> tuple[Point, ...]:
    """Networks that stand beside: a CSV with name, ms and accuracy (a share), and how if wanted.

    InputError that names the line of what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", place=str(path), found=str(error)) from error
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in HEADER if name not in (rows.fieldnames or ())]
    if missing:
        raise InputError(
            f"no column {missing[0]}",
            place=f"{path}: line 1",
            found=", ".join(rows.fieldnames or ["nothing"]),
            expected=", ".join(HEADER) + ", and how if wanted",
        )
    return tuple(_point(row, f"{path}: line {number}") for number, row in enumerate(rows, 2))


def frontier(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in both: the fastest first."""
    best, found = -1.0, []
    for point in sorted(points, key=lambda it: (it.ms, -it.accuracy)):
        if point.accuracy > best:
            best = point.accuracy
            found.append(point)
    return found


def trial_points(search: Search) -> list[Point]:
    """The trials that have both figures."""
    return [
        Point(
            name=f"trial {trial.number}",
            ms=trial.latency.ms,
            accuracy=trial.accuracy.value,
            how=f"{search.settings.get('evaluator')}, latency {trial.latency.source}",
        )
        for trial in search.trials
        if trial.state == "ok" and trial.latency is not None and trial.accuracy is not None
    ]


def step_points(adapted: Adapted) -> list[Point]:
    """The steps: the measured latency, and the accuracy on the hold-out after fine-tuning."""
    return [
        Point(
            name=f"step {step.number}",
            ms=step.measured_ms,
            accuracy=step.accuracy,
            how="fine-tuned, hold-out; latency measured",
        )
        for step in adapted.steps
    ]


def _point(row: dict[str, str], place: str) -> Point:
    try:
        ms, accuracy = float(row["ms"] or ""), float(row["accuracy"] or "")
    except ValueError as error:
        raise InputError("not a number", place=place, found=str(error)) from None
    if not (0 < ms < 1e9 and 0 <= accuracy <= 1):
        raise InputError(
            "out of range",
            place=place,
            found=f"{ms:g} ms, accuracy {accuracy:g}",
            expected="milliseconds above 0, and accuracy as a share from 0 to 1",
        )
    return Point(name=row["name"], ms=ms, accuracy=accuracy, how=row.get("how") or "given")


def _search(folder: Path) -> Search:
    best = folder / BEST
    trials = tuple(read_trials(folder)) if (folder / TRIALS).is_file() else ()
    return Search(
        name=folder.name,
        settings=_decoded(folder / NAS, dict[str, object]),
        trials=trials,
        finalists=tuple(read_finalists(folder)),
        best=best.read_text(encoding="utf-8") if best.is_file() else "",
    )


def _adapted(folder: Path) -> Adapted:
    steps = tuple(steps_of(folder).entries) if (folder / STEPS).is_file() else ()
    final, table = folder / outcome.FILE, folder / outcome.TABLE
    return Adapted(
        name=folder.name,
        settings=requests.read_identity(folder),
        steps=steps,
        final=_decoded(final, outcome.Final) if final.is_file() else None,
        table=table.read_text(encoding="utf-8") if table.is_file() else "",
    )


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("damaged", place=str(path), found=str(error)) from error

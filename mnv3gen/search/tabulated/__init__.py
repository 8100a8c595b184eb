"""Small spaces whose every network was evaluated once, as text tables.

A file has comments that say what made it, and then a line a network: accuracy (a share),
milliseconds, and the network as `target.described` writes it.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mnv3gen.errors import InputError, nearest_names
from mnv3gen.search.reward import Exponents, reward
from mnv3gen.search.space import Point, Space
from mnv3gen.search.target import described
from mnv3gen.search.trials import Trial
from mnv3gen.tables.parse import parse
from mnv3gen.train.state import replace_bytes, writing

FOLDER = Path(__file__).resolve().parent
SUFFIX = ".tsv"
MOST = 5000  # networks of a space that is called small
HEADING = "accuracy\tms\tnetwork"


@dataclass(frozen=True)
class Truth:
    """The accuracy and the milliseconds of every point of a space; `made` says what made it."""

    space: Space
    values: Mapping[Point, tuple[float, float]]
    made: str

    @property
    def median_ms(self) -> float:
        """Of all points, half of which are faster."""
        return statistics.median(ms for _, ms in self.values.values())

    def reward(self, point: Point, target_ms: float, exponents: Exponents) -> float:
        """The reward of a point."""
        accuracy, ms = self.values[point]
        return reward(accuracy, ms, target_ms, exponents)


def truth_names() -> tuple[str, ...]:
    """The spaces whose tables come with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob(f"*{SUFFIX}")))


def truth_file(name_or_path: str) -> Path:
    """The table of a space by its name, or a user's file. InputError if there is none."""
    path = Path(name_or_path)
    if path.suffix == SUFFIX:
        return path
    if name_or_path not in truth_names():
        raise InputError(
            "no tabulated space",
            place="--truth",
            found=name_or_path,
            expected=f"a {SUFFIX} file, or {', '.join(truth_names())}",
            nearest=nearest_names(name_or_path, truth_names()),
        )
    return FOLDER / f"{name_or_path}{SUFFIX}"


def read_truth(path: Path, space: Space) -> Truth:
    """The table of a space. InputError for a line that is none, and for a network without one."""
    points = _points(space)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", place=str(path), found=str(error)) from error
    made = "\n".join(line[1:].strip() for line in lines if line.startswith("#"))
    values: dict[Point, tuple[float, float]] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("#") or line == HEADING:
            continue
        accuracy, ms, text = _cells(line, f"{path}:{number}")
        if text not in points:
            raise InputError(
                "not a network of the space",
                place=f"{path}:{number}",
                found=text,
                expected=f"one of {space.name}",
            )
        values[points[text]] = accuracy, ms
    if len(values) < len(points):
        raise InputError(
            "networks are missing",
            place=str(path),
            found=f"{len(values)} networks",
            expected=f"all {len(points)} of {space.name}",
        )
    return Truth(space, values, made)


def write_truth(path: Path, space: Space, trials: Iterable[Trial], made: Iterable[str]) -> int:
    """Write the table of a search that tried every point; how many there are.

    InputError if one is missing, or failed.
    """
    rows: dict[str, tuple[float, float]] = {}
    for trial in trials:
        if trial.state == "ok" and trial.accuracy is not None and trial.latency is not None:
            text = described(space.point(parse(trial.point)))
            rows[text] = trial.accuracy.value, trial.latency.ms
    missing = [text for text in _points(space) if text not in rows]
    if missing:
        raise InputError(
            "not every network was evaluated",
            place=str(path),
            found=f"{len(missing)} are missing, such as {missing[0]}",
            expected="a search by --controller exhaustive with as many --trials as networks",
        )
    lines = [f"# {line}".rstrip() for line in made] + [HEADING]
    lines += [f"{rows[text][0]:.5f}\t{rows[text][1]:.6f}\t{text}" for text in _points(space)]
    with writing(path.parent):
        replace_bytes(path, ("\n".join(lines) + "\n").encode())
    return len(rows)


def _points(space: Space) -> dict[str, Point]:
    if space.size > MOST:
        raise InputError(
            "too large to be tabulated",
            place=space.name,
            found=f"{space.size} networks",
            expected=f"at most {MOST}",
        )
    every = itertools.product(*(space.choices(place) for place in range(space.places)))
    return {described(point): point for point in every}


def _cells(line: str, place: str) -> tuple[float, float, str]:
    try:
        accuracy, ms, text = line.split("\t")
        values = float(accuracy), float(ms)
        if not (0 <= values[0] <= 1 and 0 < values[1] < math.inf):
            raise ValueError
    except ValueError:
        raise InputError(
            "not a network's line", place=place, found=line[:80], expected=HEADING
        ) from None
    return *values, text

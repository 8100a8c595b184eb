"""A bundle or weights on a data set: the same pictures, prepared the same way, one count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.compile.bundle import read_bundle
from mnv3gen.errors import InputError
from mnv3gen.execute import choose
from mnv3gen.images import Preprocess
from mnv3gen.run import running
from mnv3gen.train.data.examples import Examples, check_labels
from mnv3gen.train.data.pixels import CHUNK, Inputs
from mnv3gen.train.score import Score, Scores, score


@dataclass(frozen=True)
class Subject:
    """What is evaluated: its input (h, w), its classes, and a function from inputs to scores.

    ``how`` says what computes: torch, native, unicorn or qemu; ``at_once`` pictures a call.
    """

    name: str
    height: int
    width: int
    classes: int
    labels: tuple[str, ...]
    preprocess: Preprocess
    how: str
    scores: Scores
    at_once: int = CHUNK


@dataclass(frozen=True)
class Result:
    """Counts, the examples and class names that they are of, and what could not be read.

    ``read`` are the numbers of the examples that ``score.predictions`` are for.
    """

    score: Score
    examples: Examples
    names: tuple[str, ...]
    read: tuple[int, ...]
    skipped: tuple[str, ...]


def evaluate(
    subject: Subject,
    examples: Examples,
    names: Sequence[str],
    limit: int | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Result:
    """Count right answers on examples whose classes have these names.

    With ``limit``, on so many at equal distances. InputError for classes that the network has not.
    """
    examples, known = matched(examples, tuple(names), subject.labels, subject.classes)
    check_labels(examples, subject.classes)
    if limit is not None and limit < len(examples):
        chosen = np.linspace(0, len(examples) - 1, limit).round().astype(np.int64)
        examples = examples.chosen(chosen)
    inputs = Inputs(examples, subject.height, subject.width, subject.preprocess)
    found = score(inputs, subject.scores, advance, subject.at_once)
    return Result(found, examples, known, tuple(inputs.read), tuple(inputs.skipped))


def matched(
    examples: Examples, names: tuple[str, ...], labels: tuple[str, ...], classes: int
) -> tuple[Examples, tuple[str, ...]]:
    """Examples with the network's class numbers: by name where all names are known, else as is.

    InputError if the names differ and their number does too.
    """
    if labels and set(names) <= set(labels):
        numbers = np.array([labels.index(name) for name in names], np.int64)
        return replace(examples, labels=numbers[examples.labels]), labels
    if len(names) != classes:
        raise InputError(
            "the data have other classes than the network",
            place=examples.place,
            found=f"{len(names)} classes, such as {', '.join(names[:3])}",
            expected=f"{classes} classes, or names that are among the network's labels",
        )
    return examples, names


@contextmanager
def bundle_subject(folder: Path, executor: str = "auto") -> Iterator[Subject]:
    """A compiled bundle, run natively or emulated. Raises as `read_bundle`."""
    bundle = read_bundle(folder)
    manifest = bundle.manifest
    if len(manifest.outputs) > 1 or np.prod(manifest.outputs[0].shape[:-1]) != 1:
        raise InputError(
            "not a classifier's bundle",
            place=str(folder),
            found=", ".join(f"{each.name} {each.shape}" for each in manifest.outputs[:3]),
            expected="one output of one position",
        )
    _, height, width, _ = manifest.input.shape
    with running(bundle, executor) as run:

        def scores(inputs: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
            return np.stack([next(iter(run(data)[1].values())).ravel() for data in inputs])

        yield Subject(
            name=f"{manifest.name} for {bundle.target.name}",
            height=height,
            width=width,
            classes=manifest.outputs[0].shape[-1],
            labels=manifest.labels,
            preprocess=manifest.input.preprocess,
            how=choose(bundle.machine, executor),
            scores=scores,
            at_once=1,
        )

"""Finalists' own trainings: what weights that all candidates share can say only roughly.

A supernet ranks networks of one size better than those of several, whose larger ones learn less
of it in the same steps. So finalists are taken from several classes of latency, and each is
trained alone before one is chosen, as the authors of MnasNet did with their best candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import msgspec

from mnv3gen.journal import Journal
from mnv3gen.search.accuracy import PROXY_RECIPE, Accuracy
from mnv3gen.search.finalists import best_trials
from mnv3gen.search.trials import Trial
from mnv3gen.search.workers import Job, Workers

FILE = "trained.jsonl"
CLASSES = 3  # of latency, equally many networks in each


class Trained(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line of the file: a trial's accuracy on the held-out pictures after a training alone."""

    trial: int
    accuracy: Accuracy


def trainings_of(folder: Path) -> Journal[Trained]:
    """The trainings of a search's folder; lines that are none are skipped, and made again."""
    return Journal(folder / FILE, Trained)


def shortlist(trials: Sequence[Trial], count: int) -> list[Trial]:
    """The best `count` by turns of three classes of latency, of the better half of the trials."""
    distinct = best_trials(trials, len(trials))
    better = distinct[: max(count, len(distinct) // 2)]
    slowest_last = sorted(better, key=_milliseconds)
    size = -(-len(better) // CLASSES)
    classes = [
        best_trials(slowest_last[first : first + size], count)
        for first in range(0, len(better), max(size, 1))
    ]
    turns = chain.from_iterable(zip_longest(*reversed(classes)))
    return [trial for trial in turns if trial is not None][:count]


def train_finalists(
    chosen: Sequence[Trial],
    workers: Workers,
    journal: Journal[Trained],
    epochs: int,
    observe: Callable[[Trial, Accuracy | str], None],
) -> dict[int, Accuracy | str]:
    """Accuracies by trial, or what went wrong; those in the journal are not made again."""
    wanted = {trial.number: trial for trial in chosen}
    found: dict[int, Accuracy | str] = {
        it.trial: it.accuracy
        for it in journal.entries
        if it.trial in wanted and (it.accuracy.recipe, it.accuracy.epochs) == (PROXY_RECIPE, epochs)
    }
    for number, accuracy in found.items():
        observe(wanted[number], accuracy)
    jobs = [Job(it.number, it.point, ()) for it in chosen if it.number not in found]
    for number, accuracy in workers.run(jobs):
        if isinstance(accuracy, Accuracy):
            journal.add(Trained(trial=number, accuracy=accuracy))
        found[number] = accuracy
        observe(wanted[number], accuracy)
    return found


def _milliseconds(trial: Trial) -> float:
    assert trial.latency is not None
    return trial.latency.ms

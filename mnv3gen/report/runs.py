"""Folders of `mnv3gen train` as networks that stand beside: trained there, measured here."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

from mnv3gen.errors import InputError, NoisyError
from mnv3gen.report.search_data import Point
from mnv3gen.report.study import Source
from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse
from mnv3gen.train.folder import CURVES, TABLE


def read_run(folder: Path) -> tuple[Network, float, int]:
    """The network of a run, the accuracy of its last epoch (a share), and the epochs.

    InputError for a folder that is none, and for a run without an epoch.
    """
    try:
        table = (folder / TABLE).read_text(encoding="utf-8")
        lines = (folder / CURVES).read_text(encoding="utf-8").splitlines()
        last = list(csv.DictReader(lines))[-1]
        return parse(table, str(folder / TABLE)), float(last["accuracy"]), int(last["epoch"])
    except (OSError, UnicodeDecodeError, IndexError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            "not the folder of a training",
            place=str(folder),
            found=str(error),
            expected=f"one of `mnv3gen train` with {TABLE} and {CURVES}, of an epoch at least",
        ) from error


def measured_runs(folders: Sequence[Path], source: Source) -> Iterator[Point | NoisyError]:
    """A point for each network, measured whole; or why its time is of no use.

    Runs of one network, such as trainings with several seeds, are one point: the mean of their
    accuracies, with the lowest and the highest.
    """
    for network, runs in _by_network(folders):
        try:
            latency = source.of(network)
        except NoisyError as error:
            yield error
            continue
        accuracies = [accuracy for _, accuracy, _ in runs]
        epochs = sorted({epochs for _, _, epochs in runs})
        trained = f"test pictures, {_listed(epochs)} epochs from scratch"
        if len(runs) > 1:
            trained = f"mean of {len(runs)} trainings, {trained}"
        yield Point(
            name=runs[0][0] + (f" and {len(runs) - 1} more" if len(runs) > 1 else ""),
            ms=latency.ms,
            accuracy=fmean(accuracies),
            how=f"{trained}; latency {latency.source}",
            lowest=min(accuracies),
            highest=max(accuracies),
        )


def _by_network(folders: Sequence[Path]) -> Iterator[tuple[Network, list[tuple[str, float, int]]]]:
    """Networks in the order of their first runs; of each run its name, accuracy and epochs."""
    found: list[tuple[Network, list[tuple[str, float, int]]]] = []
    for folder in folders:
        network, accuracy, epochs = read_run(folder)
        known = next((runs for other, runs in found if other == network), None)
        if known is None:
            found.append((network, known := []))
        known.append((folder.name, accuracy, epochs))
    return iter(found)


def _listed(epochs: Sequence[int]) -> str:
    return " or ".join(map(str, epochs))

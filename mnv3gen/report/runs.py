"""Folders of `mnv3gen train` as networks that stand beside: trained there, measured here."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

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
    """A point for each run, measured whole; or why its time is of no use."""
    for folder in folders:
        network, accuracy, epochs = read_run(folder)
        try:
            latency = source.of(network)
        except NoisyError as error:
            yield error
            continue
        how = f"test pictures, {epochs} epochs from scratch; latency {latency.source}"
        yield Point(name=folder.name, ms=latency.ms, accuracy=accuracy, how=how)

"""A run's folder: the network, its weights as `compile` takes them, curves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnv3gen.quantize.statistics_file import Statistics, weights_hash, write_statistics
from mnv3gen.tables.format import format_network
from mnv3gen.tables.network import Network
from mnv3gen.train.state import EpochRow, replace_bytes, writing

TABLE, LABELS, CURVES, PLOT = "network.bneck", "labels.txt", "curves.csv", "curves.png"
BEST, LAST = "best.safetensors", "last.safetensors"
COLUMNS = EpochRow.__struct_fields__


def metadata_of(network: Network, names: tuple[str, ...], **facts: str) -> dict[str, str]:
    """What a weights file says of itself: its table, classes and conventions, and what made it."""
    conventions = {
        key: str(getattr(network.conventions, key))
        for key in ("padding", "bn_eps", "gate", "resize", "preprocess")
    }
    table = {"table": format_network(network), "labels": json.dumps(list(names))}
    return conventions | table | facts


def write_weights(
    path: Path, weights: Mapping[str, npt.NDArray[np.float32]], metadata: Mapping[str, str]
) -> None:
    """Write weights as `mnv3gen compile --weights` takes them; Mnv3genError if there is no room."""
    from safetensors.numpy import save

    with writing(path.parent):
        replace_bytes(path, save(dict(weights), dict(metadata)))


def write_ranges(
    path: Path, weights: Mapping[str, npt.NDArray[np.float32]], statistics: Statistics
) -> None:
    """Write the ranges that weights were trained for, as `mnv3gen compile --statistics` wants."""
    own = replace(statistics, weights=weights_hash(weights))
    with writing(path.parent):
        write_statistics(own, path.with_suffix(".statistics.json"))


def write_table(folder: Path, network: Network, names: tuple[str, ...]) -> None:
    """Write the table and the names of the classes beside the weights."""
    with writing(folder):
        replace_bytes(folder / TABLE, format_network(network).encode())
        replace_bytes(folder / LABELS, "".join(f"{name}\n" for name in names).encode())


def write_curves(folder: Path, rows: tuple[EpochRow, ...]) -> None:
    """Write the epochs as CSV, and as a picture where matplotlib is installed."""
    lines = [",".join(COLUMNS)]
    lines += [",".join(f"{getattr(row, name):.7g}" for name in COLUMNS) for row in rows]
    with writing(folder):
        replace_bytes(folder / CURVES, ("\n".join(lines) + "\n").encode())
        picture = _plotted(rows)
        if picture:
            replace_bytes(folder / PLOT, picture)


def _plotted(rows: tuple[EpochRow, ...]) -> bytes:
    """Loss and accuracy by epoch, PNG; nothing without matplotlib."""
    import io

    try:
        from matplotlib.figure import Figure
    except ImportError:
        return b""
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row.epoch for row in rows]
    left.plot(epochs, [row.loss for row in rows], label="training")
    left.plot(epochs, [row.held_out_loss for row in rows], label="held out")
    left.set(xlabel="epoch", ylabel="loss (nats)")
    right.plot(epochs, [100 * row.train_accuracy for row in rows], label="training")
    right.plot(epochs, [100 * row.accuracy for row in rows], label="held out")
    right.set(xlabel="epoch", ylabel="top-1 (%)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    return content.getvalue()

"""Small networks and pictures that they learn in seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.tables.network import Network
from mnv3gen.tables.parse import parse

TABLE = """name: little
input: 12x12x3
classes: 3
preprocess: whole

Operator         exp  #out  SE  NL  s
conv2d, 3x3        -     8   -  HS  2
bneck, 3x3        16     8   ✓  RE  1
bneck, 3x3        24    16   -  HS  2
pool               -     -   -   -  1
conv2d 1x1, NBN    -    32   -  HS  1
conv2d 1x1, NBN    -     k   -   -  1
"""
RECIPE = """
epochs = 4
batch = 32
dropout = {dropout}
ema = 0.9

[optimizer]
name = "{optimizer}"
rate = {rate}
rate_for_batch = 32

[schedule]
name = "cosine"

[augment]
shift = 0.1
"""


def little() -> Network:
    """A classifier of three kinds of stripes."""
    return parse(TABLE)


def stripes(count: int, seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Gray pictures (count, 12, 12): horizontal, vertical and diagonal stripes, and noise."""
    random = np.random.RandomState(seed)
    labels = random.randint(0, 3, count)
    rows, columns = np.mgrid[:12, :12]
    along = np.stack([rows, columns, rows + columns])[labels]
    phase = random.uniform(0, 6.3, (count, 1, 1))
    wave = 128 + 90 * np.sin(along * 1.6 + phase) + random.normal(0, 20, along.shape)
    return wave.clip(0, 255).astype(np.uint8), labels.astype(np.int64)


def write_stripes(path: Path, train: int = 256, test: int = 96) -> Path:
    """An .npz file of stripes."""
    x_train, y_train = stripes(train, 1)
    x_test, y_test = stripes(test, 2)
    arrays: dict[str, Any] = {"x_train": x_train, "y_train": y_train}
    arrays |= {"x_test": x_test, "y_test": y_test, "names": np.array(["rows", "columns", "both"])}
    np.savez(path, **arrays)
    return path


def write_recipe(
    path: Path, optimizer: str = "adamw", rate: float = 0.02, dropout: float = 0.1
) -> Path:
    """A recipe of four epochs."""
    text = RECIPE.format(optimizer=optimizer, rate=rate, dropout=dropout)
    path.write_text(text, encoding="utf-8")
    return path

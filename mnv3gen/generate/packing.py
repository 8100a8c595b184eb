"""How the weights of a convolution lie in memory: panel by panel, in the order of reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.generate.cover import Run


def panels_with_bias(
    weight: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    runs: Sequence[Run],
    storage: str = "float32",
) -> npt.NDArray[Any]:
    """Pack a matrix (steps of the reduction, channels) and its bias (channels) as one type.

    Each panel is its bias, then its row of channels for every step; the panel that starts at
    channel n starts at element n * (steps + 1).
    """
    rows = np.concatenate([bias.reshape(1, -1), weight.reshape(-1, bias.size)])
    panels = [
        rows[:, start : start + run.size].ravel()
        for run in runs
        for start in range(run.start, run.stop, run.size)
    ]
    return np.concatenate(panels).astype(storage)

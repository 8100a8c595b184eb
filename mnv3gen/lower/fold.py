"""Batch normalization folded into the convolution before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Conv2d


def folded(
    conv: Conv2d, weights: Mapping[str, npt.NDArray[Any]], bn_eps: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The float32 weight (OIHW) and bias (O) of a convolution that computes the same without BN.

    With s = gamma / sqrt(variance + eps): weight * s and beta - mean * s, computed in float64.
    """
    weight = weights[f"{conv.name}.weight"].astype(np.float64)
    if not conv.batch_norm:
        return weight.astype(np.float32), weights[f"{conv.name}.bias"].astype(np.float32)
    gamma, beta, mean, variance = (
        weights[f"{conv.name}.bn.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + bn_eps)
    return (
        (weight * scale[:, None, None, None]).astype(np.float32),
        (beta - mean * scale).astype(np.float32),
    )

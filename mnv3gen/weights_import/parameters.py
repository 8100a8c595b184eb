"""A file's convolution to the parameters of the graph's that it was matched with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Conv2d
from mnv3gen.weights_import.convolution import Array, SourceConvolution


def parameters(
    conv: Conv2d, source: SourceConvolution, source_eps: float, bn_eps: float
) -> dict[str, Array]:
    """The parameters as `graph.parameter_shapes` names them, without the convolution's own name.

    The function stays the source's: gamma takes up the difference of the epsilons, and a folded
    batch normalization becomes one that only adds its bias.
    """
    weight, bias = source.weight.astype(np.float64), np.zeros(source.shape[0])
    if source.bias is not None:
        bias = source.bias.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of a negative variance, which is refused by name
        if not conv.batch_norm:
            values = _folded(source, weight, bias, source_eps)
        elif source.batch_norm is None:
            values = {"weight": weight, **_adding(bias, bn_eps)}
        else:
            values = {"weight": weight, **_rescaled(source, bias, source_eps, bn_eps)}
    return {name: value.astype(np.float32) for name, value in values.items()}


def _adding(bias: npt.NDArray[np.float64], eps: float) -> dict[str, npt.NDArray[np.float64]]:
    """A batch normalization that divides by 1 and adds the bias."""
    ones = np.ones_like(bias)
    return {
        "bn.weight": ones,
        "bn.bias": bias,
        "bn.running_mean": 0 * ones,
        "bn.running_var": ones * (1 - eps),
    }


def _rescaled(
    source: SourceConvolution, bias: npt.NDArray[np.float64], source_eps: float, bn_eps: float
) -> dict[str, npt.NDArray[np.float64]]:
    """The batch normalization of the source under another epsilon; a bias moves into its mean."""
    normal = source.batch_norm
    assert normal is not None
    gamma, variance = normal.gamma.astype(np.float64), normal.variance.astype(np.float64)
    return {
        "bn.weight": gamma * np.sqrt((variance + bn_eps) / (variance + source_eps)),
        "bn.bias": normal.beta.astype(np.float64),
        "bn.running_mean": normal.mean - bias,
        "bn.running_var": variance,
    }


def _folded(
    source: SourceConvolution,
    weight: npt.NDArray[np.float64],
    bias: npt.NDArray[np.float64],
    source_eps: float,
) -> dict[str, npt.NDArray[np.float64]]:
    """Weight and bias, with the source's batch normalization folded in if it has one."""
    if (normal := source.batch_norm) is None:
        return {"weight": weight, "bias": bias}
    scale = normal.gamma / np.sqrt(normal.variance.astype(np.float64) + source_eps)
    return {
        "weight": weight * scale[:, None, None, None],
        "bias": (bias - normal.mean) * scale + normal.beta,
    }

"""The tensors of a state_dict to convolutions: each with the batch normalization that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.weights_import.convolution import Array, BatchNorm, SourceConvolution

STATISTICS = {"running_mean", "running_var"}


def convolutions_of(
    tensors: Mapping[str, Array],
) -> tuple[tuple[SourceConvolution, ...], tuple[str, ...]]:
    """The convolutions of a state_dict in its order, and the tensors that belong to none.

    Tensors of one module share all of their name but its last part. A module with running
    statistics normalizes what the convolution before it gives.
    """
    convolutions: list[SourceConvolution] = []
    strays: list[str] = []
    for module, parts in _modules(tensors).items():
        if _convolves(parts):
            convolutions.append(_convolution(module, parts["weight"], parts.get("bias")))
        elif convolutions and _normalizes(parts, convolutions[-1]):
            convolutions[-1] = replace(convolutions[-1], batch_norm=_batch_norm(parts))
        else:
            strays += [f"{_joined(module, part)} {list(parts[part].shape)}" for part in parts]
    return tuple(convolutions), tuple(strays)


def _modules(tensors: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    modules: dict[str, dict[str, Array]] = {}
    for name, tensor in tensors.items():
        module, _, part = name.rpartition(".")
        modules.setdefault(module, {})[part] = tensor
    return modules


def _joined(module: str, part: str) -> str:
    return f"{module}.{part}" if module else part


def _convolves(parts: Mapping[str, Array]) -> bool:
    if "weight" not in parts or not parts.keys() <= {"weight", "bias"}:
        return False
    weight, bias = parts["weight"], parts.get("bias")
    return weight.ndim in (2, 4) and (bias is None or bias.shape == weight.shape[:1])


def _convolution(module: str, weight: Array, bias: Array | None) -> SourceConvolution:
    shape = (*weight.shape, 1, 1)[:4]
    return SourceConvolution(_joined(module, "weight"), weight.reshape(shape), bias)


def _normalizes(parts: Mapping[str, npt.NDArray[Any]], conv: SourceConvolution) -> bool:
    return (
        parts.keys() >= STATISTICS
        and parts.keys() <= STATISTICS | {"weight", "bias"}
        and all(part.shape == conv.shape[:1] for part in parts.values())
        and conv.batch_norm is None
    )


def _batch_norm(parts: Mapping[str, Array]) -> BatchNorm:
    """Without gamma and beta (`affine=False`) they are 1 and 0."""
    ones = np.ones_like(parts["running_mean"])
    return BatchNorm(
        gamma=parts.get("weight", ones),
        beta=parts.get("bias", ones * 0),
        mean=parts["running_mean"],
        variance=parts["running_var"],
    )

"""What a chain of elementwise operators makes of a tensor x, as one formula.

Exporters spell h-swish and hard-sigmoid in many ways: with additions, divisions, clips and
multiplications in any order. All of them are one of these forms, which each further operator turns
into another; only what the formula is in the end is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Activation

Array: TypeAlias = npt.NDArray[np.float64]
CLOSE = 2e-6  # relative: what is left of constants that went through float32


@dataclass(frozen=True)
class Linear:
    """scale * x + shift; both are scalars or have one value a channel."""

    scale: Array
    shift: Array


@dataclass(frozen=True)
class Clipped:
    """min(max(scale * x + shift, low), high)."""

    scale: Array
    shift: Array
    low: float
    high: float


@dataclass(frozen=True)
class Gated:
    """factor * x * min(max(scale * x + shift, low), high), with scalars."""

    clip: Clipped
    factor: float


Form: TypeAlias = Linear | Clipped | Gated
IDENTITY = Linear(np.asarray(1.0), np.asarray(0.0))


def is_identity(form: Form) -> bool:
    """Whether it is x itself."""
    return isinstance(form, Linear) and is_constant(form.scale, 1) and is_constant(form.shift, 0)


def is_constant(values: Any, number: float) -> bool:
    """Whether all values are that number, but for what float32 loses."""
    return bool(np.all(np.abs(np.asarray(values) - number) <= CLOSE * max(1.0, abs(number))))


def affine(form: Form, scale: Array, shift: Array) -> Form | None:
    """Scale * form + shift; None if that is no form."""
    if isinstance(form, Linear):
        return Linear(form.scale * scale, form.shift * scale + shift)
    if np.size(scale) > 1 or np.size(shift) > 1 or float(np.ravel(scale)[0]) == 0:
        return None
    factor, offset = float(np.ravel(scale)[0]), float(np.ravel(shift)[0])
    if isinstance(form, Gated):
        return replace(form, factor=form.factor * factor) if offset == 0 else None
    low, high = sorted((form.low * factor + offset, form.high * factor + offset))
    return Clipped(form.scale * factor, form.shift * factor + offset, low, high)


def clip(form: Form, low: float, high: float) -> Form | None:
    """min(max(form, low), high); None if that is no form."""
    if isinstance(form, Linear):
        return Clipped(form.scale, form.shift, low, high)
    if isinstance(form, Clipped) and max(low, form.low) < min(high, form.high):
        return replace(form, low=max(low, form.low), high=min(high, form.high))
    return None


def product(first: Form, second: Form) -> Form | None:
    """The product of two forms of one tensor; None if that is no form."""
    if isinstance(first, Clipped):
        first, second = second, first
    if not isinstance(first, Linear) or not isinstance(second, Clipped):
        return None
    scalars = (first.scale, first.shift, second.scale, second.shift)
    if any(np.size(value) > 1 for value in scalars) or float(np.ravel(first.shift)[0]) != 0:
        return None
    return Gated(second, float(np.ravel(first.scale)[0]))


@dataclass(frozen=True)
class Spelled:
    """A form as an activation: `after` (linear) of the activation of `before` (linear) of x."""

    before: Linear
    activation: Activation
    after: Linear


def spelled(form: Form) -> Spelled | None:
    """The activation that a form is; None for a product that is no h-swish.

    hswish(p x) is p x * clip(6 (s x + t) / high, 0, 6) / 6 where t is high / 2 and p is 6 s / high.
    """
    if isinstance(form, Linear):
        return Spelled(form, "none", IDENTITY)
    if isinstance(form, Clipped):
        return _clip(form)
    clipped, factor = form.clip, form.factor
    scale, shift, high = (
        float(np.ravel(it)[0]) for it in (clipped.scale, clipped.shift, clipped.high)
    )
    if not is_constant(clipped.low, 0) or not np.isfinite(high) or scale <= 0:
        return None
    if not is_constant(2 * shift / high, 1):
        return None
    power = 6 * scale / high
    return Spelled(_scaling(power), "hswish", _scaling(factor * high / power))


def _clip(form: Clipped) -> Spelled:
    low, high, before = form.low, form.high, Linear(form.scale, form.shift)
    if low == -np.inf and high == np.inf:
        return Spelled(before, "none", IDENTITY)
    if low == 0 and is_constant(high, 6):
        return Spelled(before, "relu6", IDENTITY)
    if high == np.inf:
        return Spelled(_moved(before, 1, -low), "relu", _of(1, low))
    if low == -np.inf:
        return Spelled(_moved(before, -1, high), "relu", _of(-1, high))
    width = high - low  # low + width * hard_sigmoid(6 ((y - low) / width - 1/2))
    return Spelled(_moved(before, 6 / width, -6 * low / width - 3), "hard_sigmoid", _of(width, low))


def _moved(form: Linear, scale: float, shift: float) -> Linear:
    return Linear(form.scale * scale, form.shift * scale + shift)


def _scaling(factor: float) -> Linear:
    return _of(factor, 0)


def _of(scale: float, shift: float) -> Linear:
    """Linear in scalars, with what float32 has lost of 1 and 0 put back."""
    scale = 1.0 if is_constant(scale, 1) else scale
    shift = 0.0 if is_constant(shift, 0) else shift
    return Linear(np.asarray(scale, np.float64), np.asarray(shift, np.float64))

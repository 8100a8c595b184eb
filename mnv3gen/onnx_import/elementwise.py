"""Operators of one element each: arithmetic with constants is a formula, of two tensors a node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Gate, Softmax
from mnv3gen.onnx_import import forms
from mnv3gen.onnx_import.forms import IDENTITY, Form
from mnv3gen.onnx_import.reading import Reading, sum_of
from mnv3gen.onnx_import.tensors import Tensor
from mnv3gen.weights_import.onnx_file import attributes_of

Array: TypeAlias = npt.NDArray[Any]
BN_EPS = 1e-5  # where the file says none (ONNX)


def batch_normalization(reading: Reading, node: Any) -> None:
    """Scale and shift of each channel, added at once: what follows is a formula of its result."""
    tensor = reading.made(node)
    gamma, beta, mean, variance = (_floats(reading, node, index) for index in range(1, 5))
    if any(it.shape != tensor.shape[2:] for it in (gamma, beta, mean, variance)):
        raise reading.refusal("normalizes another number of channels", node)
    if tensor.channel_axis != 1:
        raise reading.refusal("normalizes another axis than the channels", node)
    if np.any(variance < 0) or attributes_of(node).get("training_mode", 0):
        raise reading.refusal("normalizes by its own data or by a negative variance", node)
    scale = gamma / np.sqrt(variance + attributes_of(node).get("epsilon", BN_EPS))
    base = reading.draft.scaled(tensor.base, scale, beta - mean * scale)
    reading.values[node.output[0]] = replace(tensor, base=base)


def add(reading: Reading, node: Any) -> None:
    """A shift, or the sum of two tensors."""
    at, constant = _with_constant(reading, node)
    if constant is not None:
        _affine(reading, node, at, np.asarray(1.0), constant)
        return
    first, second = reading.made(node, 0), reading.made(node, 1)
    _check_alike(reading, node, first, second)
    base = sum_of(reading.draft, first.base, second.base)
    reading.define(node, base, first.dims, first.memory)


def subtract(reading: Reading, node: Any) -> None:
    """A shift, a negative, or the sum with a negative."""
    at, constant = _with_constant(reading, node)
    if constant is not None:
        sign = 1.0 if at == 0 else -1.0
        _affine(reading, node, at, np.asarray(sign), -sign * constant)
        return
    first, second = reading.made(node, 0), reading.made(node, 1)
    _check_alike(reading, node, first, second)
    negative = reading.draft.scaled(second.base, np.asarray(-1.0), np.asarray(0.0))
    base = sum_of(reading.draft, first.base, negative)
    reading.define(node, base, first.dims, first.memory)


def multiply(reading: Reading, node: Any) -> None:
    """A scale, h-swish by a tensor and its own clip, or a gate."""
    at, constant = _with_constant(reading, node)
    if constant is not None:
        _affine(reading, node, at, constant, np.asarray(0.0))
        return
    first, second = reading.tensor(node, 0), reading.tensor(node, 1)
    alike = (first.base, first.dims, first.memory) == (second.base, second.dims, second.memory)
    product = forms.product(first.form, second.form) if alike else None
    if product is not None:
        reading.formula(replace(first, form=product), node)
        return
    _gate(reading, node, reading.made(node, 0), reading.made(node, 1))


def divide(reading: Reading, node: Any) -> None:
    """A scale by the inverse of a constant."""
    at, constant = _with_constant(reading, node)
    if constant is None or at != 0 or np.any(constant == 0):
        raise reading.refusal("divides by a tensor or by zero", node, "a constant divisor")
    _affine(reading, node, at, 1 / constant, np.asarray(0.0))


def clip(reading: Reading, node: Any) -> None:
    """Bounds, as attributes (opset 6) or as inputs."""
    values = attributes_of(node)
    bounds = []
    for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        constant = reading.constant(node, index)
        if constant is None and len(node.input) > index and node.input[index]:
            raise reading.refusal("has bounds that are no constants", node)
        bound = values.get(name, default) if constant is None else np.ravel(constant)[0]
        bounds.append(_unbounded(float(bound)))
    _clip(reading, node, 0, *bounds)


def relu(reading: Reading, node: Any) -> None:
    """Nothing below 0."""
    _clip(reading, node, 0, 0.0, np.inf)


def minimum(reading: Reading, node: Any) -> None:
    """An upper bound."""
    _clip(reading, node, *_bound(reading, node, upper=True))


def maximum(reading: Reading, node: Any) -> None:
    """A lower bound."""
    _clip(reading, node, *_bound(reading, node, upper=False))


def hard_sigmoid(reading: Reading, node: Any) -> None:
    """clip(alpha x + beta, 0, 1); the defaults are ONNX's."""
    values = attributes_of(node)
    alpha, beta = values.get("alpha", 0.2), values.get("beta", 0.5)
    tensor = reading.tensor(node)
    form = forms.affine(tensor.form, np.asarray(alpha), np.asarray(beta))
    _define(
        reading,
        node,
        tensor,
        0,
        None if form is None else forms.clip(form, 0.0, 1.0),
        lambda: forms.clip(
            _must(forms.affine(IDENTITY, np.asarray(alpha), np.asarray(beta))), 0.0, 1.0
        ),
    )


def hard_swish(reading: Reading, node: Any) -> None:
    """X * hard_sigmoid(x)."""
    _activation(reading, node, "hswish")


def sigmoid(reading: Reading, node: Any) -> None:
    """1 / (1 + exp(-x))."""
    _activation(reading, node, "sigmoid")


def softmax(reading: Reading, node: Any) -> None:
    """Over the channels; before opset 13 over all that follows the axis."""
    tensor = reading.made(node)
    axis = attributes_of(node).get("axis", 1 if reading.opset < 13 else -1)
    axis += len(tensor.dims) if axis < 0 else 0
    rest = tensor.dims[axis + 1 :] if reading.opset < 13 else ()
    if axis != tensor.channel_axis or any(side != 1 for side in rest):
        raise reading.refusal("is over another axis than the channels", node)
    name = reading.draft.name("softmax")
    base = reading.draft.add(Softmax(name, (tensor.base,), tensor.shape, 0))
    reading.values[node.output[0]] = replace(tensor, base=base)


def same(reading: Reading, node: Any) -> None:
    """What changes nothing."""
    reading.values[node.output[0]] = reading.values[node.input[0]]


def cast(reading: Reading, node: Any) -> None:
    """To float32, which everything is."""
    if attributes_of(node)["to"] != FLOAT:
        raise reading.refusal("makes another type of the data", node, "float32")
    same(reading, node)


FLOAT = 1  # onnx.TensorProto.FLOAT

ELEMENTWISE: dict[str, Callable[[Reading, Any], None]] = {
    "BatchNormalization": batch_normalization,
    "Add": add,
    "Sub": subtract,
    "Mul": multiply,
    "Div": divide,
    "Clip": clip,
    "Relu": relu,
    "Min": minimum,
    "Max": maximum,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Sigmoid": sigmoid,
    "Softmax": softmax,
    "Identity": same,
    "Dropout": same,
    "Cast": cast,
}


def _activation(reading: Reading, node: Any, activation: Any) -> None:
    tensor = reading.made(node)
    base = reading.draft.activated(tensor.base, activation)
    reading.values[node.output[0]] = replace(tensor, base=base)


def _with_constant(reading: Reading, node: Any) -> tuple[int, Array | None]:
    """Which input is no constant, and the other, as values a channel, if that is one."""
    for at in (0, 1):
        constant = reading.constant(node, 1 - at)
        if constant is not None:
            return at, _by_channel(reading, node, reading.tensor(node, at), constant)
    return 0, None


def _by_channel(reading: Reading, node: Any, tensor: Tensor, constant: Array) -> Array:
    """A constant operand as a scalar or with one value a channel."""
    if constant.dtype.kind not in "fiu" or not np.all(np.isfinite(constant)):
        raise reading.refusal("has a constant that is no number", node)
    if constant.size == 1:
        return np.asarray(constant, np.float64).reshape(())
    axis = tensor.channel_axis
    shape = (1,) * (len(tensor.dims) - constant.ndim) + constant.shape
    wanted = tuple(side if at == axis else 1 for at, side in enumerate(tensor.dims))
    if axis is None or shape != wanted:
        raise reading.refusal("has a constant that is neither one number nor one a channel", node)
    return constant.reshape(-1).astype(np.float64)


def _affine(reading: Reading, node: Any, at: int, scale: Array, shift: Array) -> None:
    tensor = reading.tensor(node, at)
    if np.any(scale == 0):
        raise reading.refusal("multiplies by zero", node)
    _define(reading, node, tensor, at, forms.affine(tensor.form, scale, shift),
            lambda: forms.affine(IDENTITY, scale, shift))  # fmt: skip


def _clip(reading: Reading, node: Any, at: int, low: float, high: float) -> None:
    if not low < high:
        raise reading.refusal("clips to nothing", node)
    tensor = reading.tensor(node, at)
    _define(reading, node, tensor, at, forms.clip(tensor.form, low, high),
            lambda: forms.clip(IDENTITY, low, high))  # fmt: skip


def _define(
    reading: Reading,
    node: Any,
    tensor: Tensor,
    at: int,
    form: Form | None,
    alone: Callable[[], Form | None],
) -> None:
    """The output as a formula of the same tensor, or, if it is none, of what is added first."""
    if any(tensor.padding):
        raise reading.refusal("reads a tensor that Pad has made", node, "Pad before Conv only")
    if form is None:
        tensor, form = reading.made(node, at), _must(alone())
    reading.formula(replace(tensor, form=form), node)


def _must(form: Form | None) -> Form:
    assert form is not None
    return form


def _bound(reading: Reading, node: Any, upper: bool) -> tuple[int, float, float]:
    """The input that is bounded, and the bounds."""
    constants = [reading.constant(node, index) for index in range(len(node.input))]
    if len(constants) == 2 and [it is None for it in constants].count(True) == 1:
        (bound,) = (it for it in constants if it is not None)
        if bound.size == 1:
            value = _unbounded(float(np.ravel(bound)[0]))
            at = constants.index(None)
            return (at, -np.inf, value) if upper else (at, value, np.inf)
    raise reading.refusal("compares tensors", node, "one tensor and one number")


def _unbounded(bound: float) -> float:
    """Exporters write the largest float32 for no bound."""
    return float(np.sign(bound) * np.inf) if abs(bound) > 1e30 else bound


def _gate(reading: Reading, node: Any, first: Tensor, second: Tensor) -> None:
    if first.single and not second.single:
        first, second = second, first
    scales = second.single and second.shape[2] == first.shape[2]
    axes = scales and _broadcast_axis(first, second)
    if not axes:
        _check_alike(reading, node, first, second)
    gate = Gate(reading.draft.name("gate"), (first.base, second.base), first.shape, 0)
    reading.define(node, reading.draft.add(gate), first.dims, first.memory)


def _broadcast_axis(first: Tensor, second: Tensor) -> bool:
    """Whether ONNX pairs a vector's values with the channels of a map."""
    dims = (1,) * (len(first.dims) - len(second.dims)) + second.dims
    axis = first.channel_axis
    return axis is not None and dims == tuple(
        side if at == axis else 1 for at, side in enumerate(first.dims)
    )


def _check_alike(reading: Reading, node: Any, first: Tensor, second: Tensor) -> None:
    alike = (first.shape, first.dims) == (second.shape, second.dims)
    if not alike or (first.memory != second.memory and not first.single):
        raise reading.refusal("joins tensors of different shapes", node, "two of one shape")


def _floats(reading: Reading, node: Any, index: int) -> npt.NDArray[np.float64]:
    constant = reading.constant(node, index)
    if constant is None or constant.dtype.kind != "f" or not np.all(np.isfinite(constant)):
        raise reading.refusal("has parameters that are no finite constants", node)
    return constant.astype(np.float64)

"""An ONNX graph to a draft: each node by what its operator computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError, ModelError
from mnv3gen.graph.graph import Shape
from mnv3gen.onnx_import.axes import AXES
from mnv3gen.onnx_import.draft import INPUT
from mnv3gen.onnx_import.elementwise import ELEMENTWISE
from mnv3gen.onnx_import.folding import fold
from mnv3gen.onnx_import.input import OnnxInput
from mnv3gen.onnx_import.layers import LAYERS
from mnv3gen.onnx_import.reading import Missing, Reading
from mnv3gen.onnx_import.tensors import Tensor
from mnv3gen.weights_import.convolution import listed
from mnv3gen.weights_import.onnx_file import constants_of

Array: TypeAlias = npt.NDArray[Any]
HANDLERS: dict[str, Callable[[Reading, Any], None]] = ELEMENTWISE | LAYERS | AXES
DOMAINS = ("", "ai.onnx")


def recognised(
    model: Any, path: Path, data: OnnxInput, shape: Shape
) -> tuple[Reading, list[Tensor]]:
    """What was read of a model whose input is `data`, of (h, w, c), and its outputs in order.

    ModelError names every operator that we lack, or the first that has a form which we lack.
    """
    constants = constants_of(model.graph, path, ModelError)
    reading = Reading(path, model.graph, constants, shape)
    opsets = {each.domain: each.version for each in model.opset_import}
    reading.opset = opsets.get("", opsets.get("ai.onnx", 0))
    reading.values[data.name] = Tensor(INPUT, shape, data.dims(shape), data.memory)
    lacking: list[Any] = []
    for node in model.graph.node:
        _read(reading, node, opsets, lacking)
    if lacking:
        shapes = _inferred(model, data, shape)
        said = [reading.said(node, shapes) for node in lacking]
        raise ModelError(
            f"has {len(lacking)} operators that mnv3gen lacks",
            place=str(path),
            found="\n            ".join(listed(said)),
            expected=f"only {', '.join(sorted(HANDLERS))}",
        )
    return reading, [_output(reading, each.name) for each in model.graph.output]


def _read(reading: Reading, node: Any, opsets: dict[str, int], lacking: list[Any]) -> None:
    values = [reading.values.get(name) if name else None for name in node.input]
    given = [value for name, value in zip(node.input, values, strict=True) if name]
    if any(isinstance(value, Missing) for value in given):
        if node.op_type not in HANDLERS:
            lacking.append(node)
        _lost(reading, node)
        return
    if all(isinstance(value, np.ndarray) for value in given):
        arrays = [value if isinstance(value, np.ndarray) else None for value in values]
        constant = fold(node, arrays, opsets)
        if constant is not None:
            reading.values[node.output[0]] = constant
            return
        if node.op_type == "Constant" and node.output[0] in reading.values:
            return
    if node.op_type not in HANDLERS or node.domain not in DOMAINS:
        lacking.append(node)
        _lost(reading, node)
        return
    try:
        HANDLERS[node.op_type](reading, node)
    except InputError:
        raise
    except Exception as error:  # an attribute or shape that the checker lets through
        raise reading.refusal(f"cannot be read ({type(error).__name__}: {error})", node) from error


def _inferred(model: Any, data: OnnxInput, shape: Shape) -> dict[str, tuple[int, ...]]:
    """The shapes that onnx finds of what we cannot read; none if it finds none."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for given in copy.graph.input:
        if given.name == data.name:
            for axis, side in zip(given.type.tensor_type.shape.dim, data.dims(shape), strict=True):
                axis.dim_value = side
    try:
        known = onnx.shape_inference.infer_shapes(copy, data_prop=True).graph.value_info
    except Exception:  # it has errors of its own for broken graphs; names are enough then
        return {}
    sides = {each.name: [it.dim_value for it in each.type.tensor_type.shape.dim] for each in known}
    return {name: tuple(each) for name, each in sides.items() if each and all(each)}


def _lost(reading: Reading, node: Any) -> None:
    for name in node.output:
        reading.values[name] = Missing()


def _output(reading: Reading, name: str) -> Tensor:
    """An output as a tensor that a node makes."""
    value = reading.values.get(name)
    if not isinstance(value, Tensor):
        raise ModelError("has an output that is constant", place=str(reading.path), found=name)
    made = reading.finished(value, name)
    if made.base == INPUT:
        raise ModelError("has its input as an output", place=str(reading.path), found=name)
    return made

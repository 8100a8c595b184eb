"""An ONNX file as it is read by whoever reads one: checked, its constants, its attributes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.weights_import.convolution import first_line

if TYPE_CHECKING:
    import onnx

EXPECTED = "an ONNX model with its weights inside, or beside it as it says"


def load_model(path: Path, error: type[InputError]) -> onnx.ModelProto:
    """The model of a file, with the weights that lie beside it.

    Raises the given kind of error for a file that is no ONNX model, or if onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise error(
            "reading an ONNX file needs onnx, which is not installed",
            place=str(path),
            expected="pip install 'mnv3gen[onnx]'",
        ) from None
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as problem:  # protobuf's and onnx's own errors share no base
        raise _unreadable(path, problem, error) from problem
    return model


def constants_of(
    graph: Any, path: Path, error: type[InputError] = InputError
) -> dict[str, npt.NDArray[Any]]:
    """Initializers, which may lie in a file beside the model, and the tensors of Constant nodes."""
    from onnx import helper, numpy_helper

    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        for each in graph.initializer:
            arrays[each.name] = numpy_helper.to_array(each, str(path.parent))
        for node in graph.node:
            if node.op_type != "Constant" or not node.attribute:
                continue
            value = helper.get_attribute_value(node.attribute[0])
            if node.attribute[0].name == "value":
                arrays[node.output[0]] = numpy_helper.to_array(value, str(path.parent))
            elif node.attribute[0].name in SCALARS:
                kind = SCALARS[node.attribute[0].name]
                arrays[node.output[0]] = np.array(value, kind)
    except Exception as problem:
        raise _unreadable(path, problem, error) from problem
    return arrays


SCALARS = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def attributes_of(node: Any) -> dict[str, Any]:
    """The attributes of a node by name."""
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _unreadable(path: Path, problem: Exception, error: type[InputError]) -> InputError:
    return error(
        "not a readable ONNX file", place=str(path), found=first_line(problem), expected=EXPECTED
    )

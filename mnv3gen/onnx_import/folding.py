"""Nodes that compute constants from constants: exporters' arithmetic on shapes, mostly."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

FOLDABLE = frozenset(
    (
        *(
            "Abs",
            "Add",
            "And",
            "Cast",
            "Ceil",
            "Clip",
            "Concat",
            "Constant",
            "ConstantOfShape",
            "Div",
            "Equal",
        ),
        *(
            "Exp",
            "GreaterOrEqual",
            "LessOrEqual",
            "Not",
            "Or",
            "Round",
            "Sign",
            "Flatten",
            "Floor",
            "Gather",
            "Greater",
            "Identity",
            "Less",
            "Max",
            "Min",
            "Mod",
        ),
        *("Mul", "Neg", "Pow", "Reciprocal", "ReduceProd", "Reshape", "Shape", "Size", "Slice"),
        *("Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"),
    )
)
BROADCAST = (
    "Add",
    "Div",
    "Equal",
    "Greater",
    "Less",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Pow",
    "Sub",
    "Where",
)
MOST_ELEMENTS = 1 << 26


def fold(node: Any, inputs: list[Array | None], opsets: dict[str, int]) -> Array | None:
    """The value of a node whose inputs are constants (None where left out), as ONNX's own package.

    None if it is not one of the operators that are folded, or too large.
    """
    if node.op_type not in FOLDABLE or len(node.output) != 1 or node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type == "Identity":
        return inputs[0]
    try:
        if _elements(node, inputs) > MOST_ELEMENTS:
            return None
        return _evaluated(node, inputs, opsets)
    except Exception:  # whatever a broken node makes of NumPy; the node is then refused by name
        return None


def _elements(node: Any, inputs: list[Array | None]) -> float:
    """No less than the elements of the result: those of a shape, or of all inputs broadcast."""
    given = [it for it in inputs if it is not None]
    if node.op_type == "ConstantOfShape" and given:
        return float(np.prod(given[0].astype(np.float64)))
    if node.op_type in ("Concat", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Gather"):
        return float(
            sum(it.size for it in given) * (given[1].size if node.op_type == "Gather" else 1)
        )
    return float(
        np.prod([float(side) for side in np.broadcast_shapes(*(it.shape for it in given))])
        if node.op_type in BROADCAST and given
        else max([1, *(it.size for it in given)])
    )


def _evaluated(node: Any, inputs: list[Array | None], opsets: dict[str, int]) -> Array | None:
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.input if name]
    feeds = {
        name: value for name, value in zip(node.input, inputs, strict=True) if value is not None
    }
    values = [helper.make_tensor_value_info(name, _type(feeds[name]), None) for name in names]
    output = helper.make_empty_tensor_value_info(node.output[0])
    graph = helper.make_graph(
        [node], "constant", list({it.name: it for it in values}.values()), [output]
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    with np.errstate(all="ignore"):
        (result,) = ReferenceEvaluator(helper.make_model(graph, opset_imports=imports)).run(
            None, feeds
        )
    return np.asarray(result)


def _type(value: Array) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(value.dtype))

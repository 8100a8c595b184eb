"""What is known of each layer of an int8 network: the rows of `mnv3gen quantize`'s report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnv3gen.graph.graph import Conv2d, Node
from mnv3gen.quantize.layer_errors import Errors, TensorError
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.quantize.scales import Range
from mnv3gen.quantize.sensitivity import Sensitivity
from mnv3gen.quantize.weights import weight_scales


@dataclass(frozen=True)
class Layer:
    """One operator and the tensor it makes; the input is a layer too.

    `range` is calibration's; `raised` by how much the scale is larger than it asks for, 1 if it is
    not. `weight_spread` is the largest of the channels' weight scales over the smallest. `sqnr_db`
    and `cosine` compare the tensor with the float network's: the error accumulated so far.
    `own_loss` and `rounding_loss` are powers at the outputs, in parts of theirs: of the operator's
    integers alone, and of rounding its tensor alone (`sensitivity`).
    """

    name: str
    operator: str
    shape: tuple[int, int, int]
    int8: bool
    range: Range
    scale: float
    zero_point: int
    raised: float
    weight_spread: float | None
    sqnr_db: float | None
    cosine: float | None
    own_loss: float | None
    rounding_loss: float | None


def layers_of(
    quantized: Quantized,
    ranges: dict[str, Range],
    errors: Errors,
    sensitivity: Sensitivity | None = None,
) -> list[Layer]:
    """The input and every node, in order."""
    graph = quantized.graph
    raised = {it.tensor: it.made / it.wanted for it in quantized.raised}
    rows: list[Layer] = []
    for name in (graph.input, *(node.name for node in graph.nodes)):
        node = None if name == graph.input else graph.node(name)
        scale, error = quantized.scales[name], errors.tensors.get(name, TensorError())
        rows.append(
            Layer(
                name=name,
                operator=operator_of(node),
                shape=graph.shape(name),
                int8=name not in quantized.float_nodes,
                range=ranges[name],
                scale=scale.scale,
                zero_point=scale.zero_point,
                raised=raised.get(name, 1.0),
                weight_spread=_spread(quantized, node),
                sqnr_db=error.sqnr_db,
                cosine=error.cosine,
                own_loss=sensitivity.nodes.get(name) if sensitivity else None,
                rounding_loss=sensitivity.tensors[name] if sensitivity else None,
            )
        )
    return rows


def operator_of(node: Node | None) -> str:
    """`depthwise 5x5 hswish`, and the like."""
    if node is None:
        return "input"
    if not isinstance(node, Conv2d):
        return type(node).__name__.lower()
    kind = "depthwise" if node.depthwise else "convolution"
    activation = "" if node.activation == "none" else f" {node.activation.replace('_', '-')}"
    return f"{kind} {node.kernel}x{node.kernel}{activation}"


def _spread(quantized: Quantized, node: Node | None) -> float | None:
    if not isinstance(node, Conv2d):
        return None
    weight, bias = (quantized.weights[f"{node.name}.{part}"] for part in ("weight", "bias"))
    scales = weight_scales(weight, bias, quantized.scales[node.inputs[0]].scale)
    used = scales[scales > 0]
    return float(used.max() / used.min()) if np.size(used) else None

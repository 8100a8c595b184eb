"""An int8 network as ONNX, in the form that exporters write: float operators between QDQ pairs.

Engines find the integer operators in it by themselves. Their rounding is their own, so that outputs
differ from ours in the last elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.graph import Conv2d
from mnv3gen.lower.onnx import to_onnx
from mnv3gen.quantize.quantized import ConvolutionConstants, Quantized, Scale
from mnv3gen.quantize.weights import rounding, weight_scales

if TYPE_CHECKING:
    import onnx

UNSIGNED = 128  # between a signed element and an unsigned one
BEFORE_HSWISH = -3.0  # below, it is 0


def to_qdq_onnx(quantized: Quantized) -> onnx.ModelProto:
    """A model that takes and returns float32, NCHW, batch 1.

    Activations are uint8 with one scale a tensor, weights int8 with one a channel: what engines on
    x86 are fastest with. Float nodes stay float. A classifier's sums become its outputs as ours do,
    without a rounding to 8 bits: by Gemm, which engines compute of integers to float32.
    """
    return _Printer(quantized).model()


class _Printer:
    """Puts pairs after the tensors of a float model, and integers in place of its weights."""

    def __init__(self, quantized: Quantized) -> None:
        self.quantized = quantized
        self.float_model = to_onnx(quantized.graph, quantized.weights, layout="NCHW")
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {it.name: it for it in self.float_model.graph.initializer}
        self.seen: dict[str, str] = {}  # by tensor, its name after the pair

    def model(self) -> onnx.ModelProto:
        import onnx

        graph = self.quantized.graph
        integers = [conv for conv in graph.convolutions if conv.name in self.quantized.constants]
        last = {conv.name: conv for conv in integers if self._is_product(conv)}
        made = {
            conv.name: f"{conv.name}.linear"
            for conv in integers
            if conv.activation not in ("none", "relu", "relu6")
        }
        for conv in integers:
            self._weights(conv)
        scales = dict(self.quantized.scales)
        scales |= {made[it.name]: self._before(it) for it in integers if it.name in made}
        wanted = self._wanted()
        self._pair(graph.input, scales, None)
        for node in self.float_model.graph.node:
            if node.output[0] in last:
                self._product(last[node.output[0]])
                continue
            changed = onnx.NodeProto()
            changed.CopyFrom(node)
            changed.input[:] = [self.seen.get(name, name) for name in node.input]
            self.nodes.append(changed)
            (output,) = node.output
            if output in wanted or output in made.values():
                self._pair(output, scales, changed)
        return self._assembled()

    def _is_product(self, conv: Conv2d) -> bool:
        """Whether a convolution is a vector by a matrix whose sums are an output."""
        graph = self.quantized.graph
        shape = graph.shape(conv.inputs[0])
        vector = shape[:2] == (1, 1) and conv.kernel == 1 and conv.groups == 1
        return vector and conv.shape[:2] == (1, 1) and self.quantized.leaves_integers(conv.name)

    def _product(self, conv: Conv2d) -> None:
        """Elements as a row, by the weights; the pair is next to the product, as engines ask."""
        source, name = conv.inputs[0], conv.name
        row, values, sums, shape = (f"{name}.{it}" for it in ("row", "values", "sums", "shape"))
        self._add("Flatten", [f"{source}.elements"], row, axis=1)
        scale = [f"{source}.scale", f"{source}.zero_point"]
        self._add("DequantizeLinear", [row, *scale], values)
        self._add("Gemm", [values, f"{name}.weight", f"{name}.bias"], sums, transB=1)
        self._constant(shape, np.array([1, conv.shape[2], 1, 1], np.int64))
        self._add("Reshape", [sums, shape], name)

    def _wanted(self) -> set[str]:
        """Tensors that an integer operator makes, or reads."""
        graph, floats = self.quantized.graph, self.quantized.float_nodes
        integers = [node for node in graph.nodes if node.name not in floats]
        return {node.name for node in integers} | {it for node in integers for it in node.inputs}

    def _pair(self, tensor: str, scales: dict[str, Scale], maker: Any) -> None:
        """Quantize a tensor and take it back; an output keeps its name after both."""
        scale = scales[tensor]
        source, values = tensor, f"{tensor}.values"
        if tensor in self.quantized.graph.outputs:
            source, values = f"{tensor}.exact", tensor
            maker.output[:] = [source]
        names = [f"{tensor}.scale", f"{tensor}.zero_point"]
        self._constant(names[0], np.float32(scale.scale))
        self._constant(names[1], np.uint8(scale.zero_point + UNSIGNED))
        self._add("QuantizeLinear", [source, *names], f"{tensor}.elements")
        self._add("DequantizeLinear", [f"{tensor}.elements", *names], values)
        self.seen[tensor] = values

    def _weights(self, conv: Conv2d) -> None:
        weights = self.quantized.weights
        weight, bias = weights[f"{conv.name}.weight"], weights[f"{conv.name}.bias"]
        source = self.quantized.scales[conv.inputs[0]].scale
        scales = weight_scales(weight, bias, source)
        scales = np.where(scales > 0, scales, 1.0)
        constants = self.quantized.constants[conv.name]
        assert isinstance(constants, ConvolutionConstants)
        zero_point = self.quantized.scales[conv.inputs[0]].zero_point
        sums = constants.weight.reshape(len(bias), -1).sum(axis=1, dtype=np.int32)
        elements = constants.bias - rounding(constants.shift).astype(np.int32) + zero_point * sums
        axis = {"axis": 0}
        own = constants.weight
        if self._is_product(conv):
            own = own.reshape(len(bias), -1)
        for part, values, unit in (
            ("weight", own, scales),
            ("bias", elements, scales * source),
        ):
            name = f"{conv.name}.{part}"
            del self.tensors[name]
            names = [f"{name}.{it}" for it in ("elements", "scale", "zero_point")]
            self._constant(names[0], values)
            self._constant(names[1], unit.astype(np.float32))
            self._constant(names[2], np.zeros(len(unit), values.dtype))
            self._add("DequantizeLinear", names, name, **axis)

    def _before(self, conv: Conv2d) -> Scale:
        """The scale of what an activation is applied to."""
        own = self.quantized.scales[conv.name]
        if conv.activation in ("hswish", "naive_hswish"):
            largest = max(-BEFORE_HSWISH, (127 - own.zero_point) * own.scale)
            scale = (largest - BEFORE_HSWISH) / 255
            return Scale(scale, round(-128 - BEFORE_HSWISH / scale))
        return Scale(16 / 255, 0)  # of a sigmoid, which is flat beyond 8

    def _constant(self, name: str, value: npt.NDArray[Any] | np.generic) -> None:
        from onnx import numpy_helper

        self.tensors[name] = numpy_helper.from_array(np.asarray(value), name)

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))

    def _assembled(self) -> onnx.ModelProto:
        from onnx import helper

        old = self.float_model.graph
        used = {name for node in (*self.nodes, *old.output) for name in _names(node)}
        nodes = [node for node in self.nodes if node.output[0] in used]
        graph = helper.make_graph(
            nodes, old.name, old.input, old.output, list(self.tensors.values())
        )
        return helper.make_model(
            graph,
            opset_imports=self.float_model.opset_import,
            ir_version=self.float_model.ir_version,
        )


def _names(user: Any) -> list[str]:
    """The tensors that a node reads, or that an output is."""
    return list(user.input) if hasattr(user, "input") else [user.name]

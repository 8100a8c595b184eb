"""ONNX models written by hand, node by node, with seeded random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper


class OnnxModel:
    """Nodes over one input `x`; `add` returns the name of what a node makes."""

    def __init__(self, shape: tuple[int | str, ...] = (1, 3, 12, 10), opset: int = 17) -> None:
        self.shape, self.opset = shape, opset
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.random = np.random.default_rng(5)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, value: npt.ArrayLike, kind: Any = np.float32, node: bool = False) -> str:
        """An initializer, or with `node` the output of a Constant."""
        array = np.asarray(value, kind)
        if node:
            return self.add("Constant", value=numpy_helper.from_array(array))
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, *shape: int, around: float = 0.0) -> str:
        fan_in = max(int(np.prod(shape[1:])), 1)
        return self.constant(around + self.random.standard_normal(shape) / np.sqrt(fan_in))

    def conv(self, data: str, out: int, inputs: int, *kernel: int, **attributes: Any) -> str:
        weight = self.weights(out, inputs, *kernel)
        return self.add("Conv", data, weight, self.weights(out), **attributes)

    def batch_norm(self, data: str, channels: int) -> str:
        parts = [self.weights(channels, around=2.0) for _ in range(3)]
        variance = self.constant(self.random.uniform(0.5, 2, channels))
        return self.add("BatchNormalization", data, *parts, variance, epsilon=1e-3)

    def proto(self, *outputs: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self.initializers,
        )
        opset = helper.make_opsetid("", self.opset)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(model)
        for given, known in zip(model.graph.output, inferred.graph.output, strict=True):
            given.CopyFrom(known)
            given.type.tensor_type.shape.SetInParent()
        return model

    def written(self, folder: Path, *outputs: str) -> Path:
        """The file of the model, by default with the last tensor as its output."""
        path = folder / "model.onnx"
        names = outputs or (self.nodes[-1].output[0],)
        path.write_bytes(self.proto(*names).SerializeToString())
        return path

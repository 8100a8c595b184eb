"""Graph to TFLite: NHWC, batch 1, float32, BN folded, the operators of TensorFlow's converter.

ReLU and ReLU6 are fused into their convolution, h-swish is HARD_SWISH, and a hard-sigmoid is what
Keras writes, relu6(x + 3) * (1/6). Padding other than TensorFlow's SAME is a PAD of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.graph.expand import same_padding
from mnv3gen.graph.graph import (
    Activation,
    Add,
    AveragePool,
    Concat,
    Conv2d,
    Gate,
    GlobalPool,
    Graph,
    Node,
    Resize,
)
from mnv3gen.lower.fold import folded

Array = npt.NDArray[Any]

SCHEMA_VERSION = 3
IDENTIFIER = b"TFL3"
FUSED: dict[Activation, str] = {"relu": "RELU", "relu6": "RELU6"}
SEPARATE: dict[Activation, str] = {
    "hswish": "HARD_SWISH",
    "naive_hswish": "HARD_SWISH",
    "sigmoid": "LOGISTIC",
}


def to_tflite(graph: Graph, weights: Mapping[str, Array]) -> bytes:
    """The content of a .tflite file; its outputs are (1, h, w, c), in the graph's order."""
    model = _Model()
    model.tensor(graph.input, (1, *graph.input_shape))
    for node in graph.nodes:
        model.tensor(node.name, (1, *node.shape))
    for node in graph.nodes:
        _node(model, graph, node, weights)
    return model.content(graph.name, [graph.input], graph.outputs)


class _Model:
    """A flatbuffer that grows tensor by tensor and operator by operator."""

    def __init__(self) -> None:
        import flatbuffers
        import tflite

        self.schema = tflite
        self.builder = flatbuffers.Builder(1 << 20)
        self.indices: dict[str, int] = {}
        self.tensors: list[int] = []
        self.buffers = [self.table("Buffer")]  # the first is that of tensors without data
        self.operators: list[int] = []
        self.codes: dict[tuple[int, int], int] = {}

    def tensor(self, name: str, shape: Sequence[int], data: Array | None = None) -> str:
        """Add a tensor, of float32 unless its data are integers."""
        schema, buffer = self.schema.TensorType, 0
        if data is not None:
            buffer = len(self.buffers)
            self.buffers.append(self.table("Buffer", Data=self._data(data)))
        integers = data is not None and data.dtype == np.int32
        self.indices[name] = len(self.tensors)
        table = self.table(
            "Tensor",
            Shape=self._numbers(shape),
            Type=schema.INT32 if integers else schema.FLOAT32,
            Buffer=buffer,
            Name=self.builder.CreateString(name),
        )
        self.tensors.append(table)
        return name

    def constant(self, name: str, data: Any, kind: type = np.float32) -> str:
        """Add a tensor with data."""
        array: Array = np.ascontiguousarray(data, kind)
        return self.tensor(name, array.shape, array)

    def operator(
        self,
        name: str,
        inputs: Sequence[str],
        output: str,
        options: str = "",
        version: int = 1,
        **fields: Any,
    ) -> None:
        """Add an operator (`CONV_2D`) with its table of options (`Conv2DOptions`) and their fields.

        `version` is the operator's first that has what the fields say.
        """
        code = getattr(self.schema.BuiltinOperator, name)
        union: dict[str, int] = {}
        if options:
            kind = getattr(self.schema.BuiltinOptions, options)
            union = {
                "BuiltinOptionsType": kind,
                "BuiltinOptions": self.table(options, **fields),
            }
        table = self.table(
            "Operator",
            OpcodeIndex=self.codes.setdefault((code, version), len(self.codes)),
            Inputs=self._numbers([self.indices[each] for each in inputs]),
            Outputs=self._numbers([self.indices[output]]),
            **union,
        )
        self.operators.append(table)

    def content(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
        """The finished file."""
        subgraph = self.table(
            "SubGraph",
            Tensors=self._offsets(self.tensors),
            Inputs=self._numbers([self.indices[each] for each in inputs]),
            Outputs=self._numbers([self.indices[each] for each in outputs]),
            Operators=self._offsets(self.operators),
            Name=self.builder.CreateString(name),
        )
        # The field of one byte is what readers older than the one of four go by.
        codes = [
            self.table(
                "OperatorCode",
                DeprecatedBuiltinCode=min(code, 127),
                BuiltinCode=code,
                Version=version,
            )
            for code, version in self.codes
        ]
        model = self.table(
            "Model",
            Version=SCHEMA_VERSION,
            OperatorCodes=self._offsets(codes),
            Subgraphs=self._offsets([subgraph]),
            Description=self.builder.CreateString("mnv3gen"),
            Buffers=self._offsets(self.buffers),
        )
        self.builder.Finish(model, IDENTIFIER)
        return bytes(self.builder.Output())

    def table(self, kind: str, **fields: Any) -> int:
        """Write a table of the schema; the fields' vectors, strings and tables are written."""
        getattr(self.schema, f"{kind}Start")(self.builder)
        for field, value in fields.items():
            getattr(self.schema, f"{kind}Add{field}")(self.builder, value)
        offset: int = getattr(self.schema, f"{kind}End")(self.builder)
        return offset

    def _data(self, data: Array) -> int:
        """Bytes on a boundary of 16, as the schema has it."""
        content = data.tobytes()
        self.schema.BufferStartDataVector(self.builder, len(content))
        self.builder.head -= len(content)
        self.builder.Bytes[self.builder.head : self.builder.head + len(content)] = content
        return int(self.builder.EndVector())

    def _numbers(self, values: Sequence[int]) -> int:
        return int(self.builder.CreateNumpyVector(np.array(values, np.int32)))

    def _offsets(self, tables: Sequence[int]) -> int:
        self.builder.StartVector(4, len(tables), 4)
        for table in reversed(tables):
            self.builder.PrependUOffsetTRelative(table)
        return int(self.builder.EndVector())


def _node(model: _Model, graph: Graph, node: Node, weights: Mapping[str, Array]) -> None:
    name, inputs = node.name, node.inputs
    match node:
        case Conv2d():
            _convolution(model, graph, node, *folded(node, weights, graph.bn_eps))
        case GlobalPool():
            axes = model.constant(f"{name}.axes", [1, 2], np.int32)
            model.operator("MEAN", [*inputs, axes], name, "ReducerOptions", KeepDims=True)
        case Gate():
            model.operator("MUL", inputs, name, "MulOptions")
        case Add():
            model.operator("ADD", inputs, name, "AddOptions")
        case Concat():
            model.operator("CONCATENATION", inputs, name, "ConcatenationOptions", Axis=3)
        case AveragePool():
            height, width = node.window
            model.operator(
                "AVERAGE_POOL_2D",
                inputs,
                name,
                "Pool2DOptions",
                Padding=model.schema.Padding.VALID,
                StrideW=node.strides[1],
                StrideH=node.strides[0],
                FilterWidth=width,
                FilterHeight=height,
            )
        case Resize():
            half_pixel = node.coordinates == "half_pixel"
            size = model.constant(f"{name}.size", node.shape[:2], np.int32)
            model.operator(
                "RESIZE_BILINEAR",
                [*inputs, size],
                name,
                "ResizeBilinearOptions",
                version=3 if half_pixel else 1,
                AlignCorners=not half_pixel,
                HalfPixelCenters=half_pixel,
            )
        case _:
            raise NotImplementedError(f"TFLite has no form of {type(node).__name__}")


def _convolution(model: _Model, graph: Graph, conv: Conv2d, weight: Array, bias: Array) -> None:
    schema, name = model.schema, conv.name
    data, padding = _padded(model, graph, conv)
    order = (1, 2, 3, 0) if conv.depthwise else (0, 2, 3, 1)  # OIHW to IHWO, OHWI
    inputs = [
        data,
        model.constant(f"{name}.weight", weight.transpose(order)),
        model.constant(f"{name}.bias", bias),
    ]
    fields = {
        "Padding": getattr(schema.Padding, padding),
        "StrideW": conv.strides[1],
        "StrideH": conv.strides[0],
        "DilationWFactor": conv.dilation,
        "DilationHFactor": conv.dilation,
        "FusedActivationFunction": getattr(
            schema.ActivationFunctionType, FUSED.get(conv.activation, "NONE")
        ),
    }
    fused = conv.activation == "none" or conv.activation in FUSED
    output = name if fused else model.tensor(f"{name}.linear", (1, *conv.shape))
    if conv.depthwise:
        version = 1 if conv.dilation == 1 else 2
        fields["DepthMultiplier"] = 1
        model.operator(
            "DEPTHWISE_CONV_2D", inputs, output, "DepthwiseConv2DOptions", version, **fields
        )
    else:
        model.operator("CONV_2D", inputs, output, "Conv2DOptions", **fields)
    if not fused:
        _activation(model, conv, output)


def _padded(model: _Model, graph: Graph, conv: Conv2d) -> tuple[str, str]:
    """The tensor to convolve and TensorFlow's word for the padding that is still to come."""
    (data,) = conv.inputs
    height, width, channels = graph.shape(data)
    top, left, bottom, right = conv.padding
    same = [
        same_padding(side, conv.kernel, stride, conv.dilation)
        for side, stride in zip((height, width), conv.strides, strict=True)
    ]
    if same == [(top, bottom), (left, right)]:
        return data, "SAME"
    if not any(conv.padding):
        return data, "VALID"
    margins = [[0, 0], [top, bottom], [left, right], [0, 0]]
    amounts = model.constant(f"{conv.name}.margins", margins, np.int32)
    shape = (1, height + top + bottom, width + left + right, channels)
    padded = model.tensor(f"{conv.name}.padded", shape)
    model.operator("PAD", [data, amounts], padded, "PadOptions")
    return padded, "VALID"


def _activation(model: _Model, conv: Conv2d, data: str) -> None:
    name = conv.name
    if conv.activation in SEPARATE:
        operator = SEPARATE[conv.activation]
        model.operator(operator, [data], name)
        return
    assert conv.activation == "hard_sigmoid"
    shifted = model.tensor(f"{name}.shifted", (1, *conv.shape))
    three = model.constant(f"{name}.three", [3.0])
    sixth = model.constant(f"{name}.sixth", [1 / 6])
    relu6 = model.schema.ActivationFunctionType.RELU6
    model.operator("ADD", [data, three], shifted, "AddOptions", FusedActivationFunction=relu6)
    model.operator("MUL", [shifted, sixth], name, "MulOptions")

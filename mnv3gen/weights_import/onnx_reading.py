"""ONNX files to convolutions, by the operators of the graph: names are never looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import WeightsError
from mnv3gen.graph.weights import single
from mnv3gen.weights_import.convolution import (
    BatchNorm,
    SourceConvolution,
    SourceFile,
    Window,
)
from mnv3gen.weights_import.onnx_file import attributes_of, constants_of, load_model

POOLS = {"GlobalAveragePool", "AveragePool", "ReduceMean"}
SHAPE_ONLY = {"Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Dropout"}
QUANTIZED = {"QLinearConv", "ConvInteger", "QuantizeLinear", "DequantizeLinear", "QLinearMatMul"}
DEFAULT_EPS = 1e-5  # of BatchNormalization in the ONNX specification


def read_onnx(path: Path) -> SourceFile:
    """The convolutions of an ONNX file in the order of its nodes, which is one of execution.

    Raises WeightsError for a file that is no ONNX model, is quantized, or computes its weights.
    """
    model = load_model(path, WeightsError)
    constants = constants_of(model.graph, path, WeightsError)
    return _Reader(model.graph, constants, path).file()


class _Reader:
    """The convolutions read so far, and what is known of the tensors between them."""

    def __init__(self, graph: Any, constants: dict[str, npt.NDArray[Any]], path: Path) -> None:
        self.graph = graph
        self.constants = constants
        self.path = path
        self.convolutions: list[SourceConvolution] = []
        self.made_by: dict[str, int] = {}  # tensors that are a convolution's sums, so far
        self.pooled: set[str] = set()
        self.padded: dict[str, tuple[int, ...]] = {}
        self.strays: list[str] = []

    def file(self) -> SourceFile:
        readers: dict[str, Callable[[Any], None]] = {
            "Conv": self._conv,
            "Gemm": self._gemm,
            "MatMul": self._matmul,
            "Add": self._add,
            "BatchNormalization": self._batch_norm,
            "Pad": self._pad,
        }
        for node in self.graph.node:
            if node.op_type in QUANTIZED:
                raise self._refusal("is quantized", node, "a model of floating-point numbers")
            if node.op_type in readers:
                self._read(node, readers[node.op_type])
            elif node.input and node.output and node.op_type in POOLS | SHAPE_ONLY:
                self._pass_on(node)
        if not self.convolutions:
            raise WeightsError("has no convolution", place=str(self.path), expected="a network")
        return SourceFile(str(self.path), tuple(self.convolutions), strays=tuple(self.strays))

    def _read(self, node: Any, reader: Callable[[Any], None]) -> None:
        try:
            reader(node)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            problem = f"has a node that ONNX does not allow ({error})"
            raise self._refusal(problem, node, "inputs and attributes as ONNX has them") from error

    def _pass_on(self, node: Any) -> None:
        data, output = node.input[0], node.output[0]
        if node.op_type in POOLS or data in self.pooled:
            self.pooled.add(output)
        if node.op_type == "Identity" and data in self.constants:
            self.constants[output] = self.constants[data]
        if node.op_type in SHAPE_ONLY and data in self.made_by:
            self.made_by[output] = self.made_by[data]

    def _pad(self, node: Any) -> None:
        pads = self.constants.get(node.input[1]) if len(node.input) > 1 else None
        if pads is not None and pads.size == 8:  # N, C, H, W before, then after
            self.padded[node.output[0]] = tuple(int(pads[axis]) for axis in (2, 3, 6, 7))

    def _conv(self, node: Any) -> None:
        values = attributes_of(node)
        weight = self._weight(node, 1)
        if weight.ndim != 4:
            raise self._refusal("has a convolution that is not 2-d", node, "Conv over images")
        padding: Any = tuple(values.get("pads", (0, 0, 0, 0)))
        before = self.padded.get(node.input[0])
        if before is not None:
            padding = tuple(a + b for a, b in zip(padding, before, strict=True))
        if values.get("auto_pad", b"NOTSET") == b"SAME_UPPER":
            padding = "same"
        stride, dilation = values.get("strides", [1])[0], values.get("dilations", [1])[0]
        self._append(node, 1, weight, self._bias(node), Window(stride, dilation, padding))

    def _gemm(self, node: Any) -> None:
        values = attributes_of(node)
        weight, bias = self._weight(node, 1), self._bias(node)
        if weight.ndim != 2:
            raise self._refusal("multiplies by what is no matrix", node, "Gemm by two axes")
        weight = weight if values.get("transB", 0) else weight.T
        weight = weight * np.float32(values.get("alpha", 1.0))
        bias = None if bias is None else bias * np.float32(values.get("beta", 1.0))
        self._append(node, 1, weight[:, :, None, None], bias)

    def _matmul(self, node: Any) -> None:
        weight = self._weight(node, 1)
        if weight.ndim == 2:
            self._append(node, 1, weight.T[:, :, None, None], None)

    def _add(self, node: Any) -> None:
        """The bias of a MatMul, or one that stands apart from its convolution."""
        for data, constant in (tuple(node.input), tuple(node.input)[::-1]):
            at, value = self.made_by.get(data), self.constants.get(constant)
            if at is None or value is None:
                continue
            conv = self.convolutions[at]
            if conv.bias is None and conv.batch_norm is None and value.size == conv.shape[0]:
                bias = value.reshape(-1).astype(np.float32)
                self.convolutions[at] = replace(conv, bias=bias)
                self.made_by[node.output[0]] = at

    def _batch_norm(self, node: Any) -> None:
        at = self.made_by.get(node.input[0])
        if at is None or self.convolutions[at].batch_norm is not None:
            self.strays.append(f"{node.input[1]}: BatchNormalization that follows no convolution")
            return
        conv = self.convolutions[at]
        gamma, beta, mean, variance = (self._weight(node, index) for index in range(1, 5))
        eps = float(attributes_of(node).get("epsilon", DEFAULT_EPS))
        if any(each.shape != conv.shape[:1] for each in (gamma, beta, mean, variance)):
            raise self._refusal("normalizes another number of channels", node, f"{conv.shape[0]}")
        normal = BatchNorm(gamma, beta, mean, variance, eps)
        self.convolutions[at] = replace(conv, batch_norm=normal)

    def _append(
        self,
        node: Any,
        index: int,
        weight: npt.NDArray[Any],
        bias: npt.NDArray[Any] | None,
        window: Window | None = None,
    ) -> None:
        if bias is not None and len(bias) != len(weight):
            raise self._refusal(f"has {len(bias)} biases", node, f"{len(weight)}, one a channel")
        self.made_by[node.output[0]] = len(self.convolutions)
        pooled = node.input[0] in self.pooled
        self.convolutions.append(
            SourceConvolution(
                node.input[index], np.ascontiguousarray(weight), bias, None, window, pooled
            )
        )

    def _bias(self, node: Any) -> npt.NDArray[Any] | None:
        given = len(node.input) > 2 and node.input[2]
        return self._weight(node, 2).reshape(-1) if given else None

    def _weight(self, node: Any, index: int) -> npt.NDArray[np.float32]:
        constant = self.constants.get(node.input[index])
        value = None if constant is None else single(constant)
        if value is None or value.dtype != np.float32:
            raise self._refusal(
                f"has no constant weights for input {index} of a {node.op_type}",
                node,
                "a model of trained, floating-point weights",
            )
        if not np.isfinite(value).all():
            raise self._refusal("has weights that are not finite", node, "finite numbers")
        return value

    def _refusal(self, problem: str, node: Any, expected: str) -> WeightsError:
        found = f"{node.op_type} {node.name or ', '.join(node.output)}"
        return WeightsError(problem, place=str(self.path), found=found, expected=expected)

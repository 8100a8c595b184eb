"""The pass from the float32 module that `to_relax` makes to one of int8 tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mnv3gen.graph.graph import Add, AveragePool, Concat, Conv2d, Gate, GlobalPool, Node, Resize
from mnv3gen.lower import operators as floating
from mnv3gen.lower.relax import variable_name
from mnv3gen.quantize import operators
from mnv3gen.quantize.quantized import Quantized

if TYPE_CHECKING:
    import tvm

REQUANTIZE = {
    "hswish": "requantize_hswish",
    "naive_hswish": "requantize_hswish",
    "hard_sigmoid": "requantize_hard_sigmoid",
}


def quantize_module(quantized: Quantized) -> Any:
    """A module pass for `to_relax(quantized.graph, quantized.weights)`.

    Every node becomes integer operators with the constants of `quantized`, but its float nodes keep
    theirs. `quantize` and `dequantize` stand between the two, at the input and at the outputs.
    """
    from tvm.ir.transform import module_pass

    operators.register()
    floating.register()

    @module_pass(opt_level=0, name="QuantizeModule")
    def transform(module: tvm.IRModule, _context: Any) -> tvm.IRModule:
        return _Emission(quantized, module["main"]).module()

    return transform


class _Emission:
    """The new function as it grows: each tensor in the types that were asked for."""

    def __init__(self, quantized: Quantized, main: Any) -> None:
        from tvm import relax

        self.quantized, self.main = quantized, main
        self.builder = relax.BlockBuilder()
        self.elements: dict[str, Any] = {}  # int8
        self.floats: dict[str, Any] = {}
        self.bindings = _bindings_of(main, [node.name for node in quantized.graph.nodes])

    def module(self) -> Any:
        graph = self.quantized.graph
        data = self.main.params[0]
        self.floats[graph.input] = data
        with self.builder.function("main", [data]):
            with self.builder.dataflow():
                for node in graph.nodes:
                    self._emit(node)
                outputs = [self._float(name) for name in graph.outputs]
                result = self.builder.emit_output(outputs[0] if len(outputs) == 1 else outputs)
            self.builder.emit_func_output(result)
        return self.builder.get()

    def _emit(self, node: Node) -> None:
        if node.name in self.quantized.float_nodes:
            inputs = [self._float(name) for name in node.inputs]
            self.floats[node.name] = self._copied(node, inputs)
        else:
            made = self._integer(node, [self._int8(name) for name in node.inputs])
            leaves = self.quantized.leaves_integers(node.name)
            tensors = self.floats if leaves else self.elements
            tensors[node.name] = self.builder.emit(made, variable_name(node.name))

    def _int8(self, tensor: str) -> Any:
        """A tensor as int8; one that is made in float32 is quantized once."""
        from tvm import relax

        if tensor not in self.elements:
            scale = self.quantized.scales[tensor]
            self.elements[tensor] = self.builder.emit(
                operators.call(
                    "quantize",
                    self.floats[tensor],
                    relax.const(scale.inverse),
                    relax.const(np.int32(scale.zero_point)),
                )
            )
        return self.elements[tensor]

    def _float(self, tensor: str) -> Any:
        """A tensor as float32; one of elements is dequantized once."""
        from tvm import relax

        if tensor not in self.floats:
            scale = self.quantized.scales[tensor]
            self.floats[tensor] = self.builder.emit(
                operators.call(
                    "dequantize",
                    self.elements[tensor],
                    relax.const(np.float32(scale.scale)),
                    relax.const(np.int32(scale.zero_point)),
                )
            )
        return self.floats[tensor]

    def _integer(self, node: Node, inputs: Sequence[Any]) -> Any:
        from tvm import relax

        match node:
            case Conv2d():
                return self._convolution(node, inputs[0])
            case Concat():
                return relax.op.concat(list(inputs), axis=3)
            case Resize():
                size = relax.ShapeExpr(node.shape[:2])
                return operators.call("resize", inputs[0], size, coordinates=node.coordinates)
        constants = relax.const(self.quantized.vector(node.name))
        match node:
            case GlobalPool():
                return operators.call("mean", inputs[0], constants)
            case AveragePool():
                shape = relax.ShapeExpr((*node.window, *node.strides))
                return operators.call("average", inputs[0], constants, shape)
            case Gate():
                return operators.call("gate", *inputs, constants)
            case Add():
                return operators.call("add", *inputs, constants)
        raise NotImplementedError(f"no integer form of {type(node).__name__}")

    def _convolution(self, conv: Conv2d, data: Any) -> Any:
        from tvm import relax

        constants = self.quantized.convolution(conv.name)
        if any(conv.padding):
            padding = relax.ShapeExpr(conv.padding)
            padded = operators.call("pad", data, relax.const(constants.pad), padding)
            data = self.builder.emit(padded)
        layout, order = ("HWOI", (2, 3, 0, 1)) if conv.depthwise else ("HWIO", (2, 3, 1, 0))
        products = relax.op.nn.conv2d(
            data,
            relax.const(np.ascontiguousarray(constants.weight.transpose(order))),
            strides=conv.strides,
            dilation=conv.dilation,
            groups=conv.groups,
            data_layout="NHWC",
            kernel_layout=layout,
            out_dtype="int32",
        )
        bias = relax.const(constants.bias.reshape(1, 1, 1, -1))
        sums = self.builder.emit(relax.op.add(self.builder.emit(products), bias))
        if constants.unit is not None:
            return operators.call("dequantize_sums", sums, relax.const(constants.unit))
        parts = (constants.shift, constants.multiplier, constants.last)
        name = REQUANTIZE.get(conv.activation, "requantize")
        name += operators.LEFT if constants.shifts_left else ""
        made = operators.call(name, sums, *map(relax.const, parts))
        if constants.table is None:
            return made
        before = self.builder.emit(made, f"{variable_name(conv.name)}_sums")
        return operators.call("lookup", before, relax.const(constants.table))

    def _copied(self, node: Node, inputs: Sequence[Any]) -> Any:
        """The node's own bindings once more, reading other variables."""
        from tvm import relax

        replaced = dict(zip((variable_name(name) for name in node.inputs), inputs, strict=True))

        @relax.expr_functor.mutator
        class Replacer(relax.PyExprMutator):  # type: ignore[misc]
            def visit_var_(self, variable: Any) -> Any:
                return replaced.get(variable.name, variable)

            visit_dataflow_var_ = visit_var_

        made = None
        for binding in self.bindings[node.name]:
            made = self.builder.emit(Replacer().visit_expr(binding.value), binding.var.name)
            replaced[binding.var.name] = made
        return made


def _bindings_of(main: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """The bindings of each node: those after the node before it, up to the one of its name."""
    bindings = iter([binding for block in main.body.blocks for binding in block.bindings])
    found: dict[str, list[Any]] = {}
    for name in names:
        found[name] = []
        for binding in bindings:
            found[name].append(binding)
            if binding.var.name == variable_name(name):
                break
        else:
            raise AssertionError(f"no variable of {name}: not what `to_relax` made")
    return found

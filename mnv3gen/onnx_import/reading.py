"""`Reading`: what is known of an ONNX graph while its operators are read, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import ModelError
from mnv3gen.graph.graph import Add, Gate, Shape
from mnv3gen.onnx_import.draft import Draft
from mnv3gen.onnx_import.forms import IDENTITY, Gated, Linear, is_constant, is_identity, spelled
from mnv3gen.onnx_import.tensors import Memory, Tensor, as_map

Array: TypeAlias = npt.NDArray[Any]


class Missing:
    """A tensor that something made which we lack."""


class Reading:
    """The draft, and each ONNX tensor that was read: a `Tensor`, or an array if it is constant."""

    def __init__(self, path: Path, graph: Any, constants: dict[str, Array], shape: Shape) -> None:
        self.path = path
        self.draft = Draft(shape)
        self.values: dict[str, Tensor | Array | Missing] = dict(constants)
        self.opset = 0
        readers = [name for node in graph.node for name in node.input]
        self.readers = Counter([*readers, *(each.name for each in graph.output)])

    def constant(self, node: Any, index: int) -> Array | None:
        """A constant input; None if it is left out or is not constant."""
        if len(node.input) <= index or not node.input[index]:
            return None
        value = self.values.get(node.input[index])
        return value if isinstance(value, np.ndarray) else None

    def tensor(self, node: Any, index: int = 0) -> Tensor:
        """An input that is no constant, with its formula still to be added."""
        value = self.values.get(node.input[index])
        if isinstance(value, Tensor):
            return value
        raise self.refusal("reads a constant where the network's data is expected", node)

    def made(self, node: Any, index: int = 0, keep_padding: bool = False) -> Tensor:
        """An input as a tensor of the graph: whatever formula it has is added to the draft."""
        tensor = self.tensor(node, index)
        if not is_identity(tensor.form):
            base = self._added(tensor)
            tensor = replace(tensor, base=base, form=IDENTITY)
            self.values[node.input[index]] = tensor
        if any(tensor.padding) and not keep_padding:
            raise self.refusal("reads a tensor that Pad has made", node, "Pad before Conv only")
        return tensor

    def finished(self, tensor: Tensor, name: str) -> Tensor:
        """An output of the network, with its formula added."""
        if any(tensor.padding):
            raise ModelError("pads an output", place=str(self.path), found=name)
        return replace(tensor, base=self._added(tensor), form=IDENTITY)

    def map(self, node: Any, index: int = 0, keep_padding: bool = False) -> Tensor:
        """An input as (1, c, h, w)."""
        tensor = self.made(node, index, keep_padding)
        if not tensor.is_map:
            raise self.refusal("reads no image", node, "1 x channels x height x width")
        return tensor

    def formula(self, tensor: Tensor, node: Any) -> None:
        """Define a node's output; a scaled tensor with several readers is added at once."""
        name = node.output[0]
        if isinstance(tensor.form, Linear) and self.readers[name] > 1:
            tensor = replace(tensor, base=self._added(tensor), form=IDENTITY)
        self.values[name] = tensor

    def define(
        self,
        node: Any,
        base: str,
        dims: Sequence[int] | None = None,
        memory: Memory = "chw",
    ) -> None:
        """Define a node's output as a tensor of the graph, by default as (1, c, h, w)."""
        shape = self.draft.shape(base)
        self.values[node.output[0]] = Tensor(base, shape, tuple(dims or as_map(shape)), memory)

    def refusal(self, problem: str, node: Any, expected: str | None = None) -> ModelError:
        """An error about a node, with the shapes that it reads."""
        return ModelError(
            f"an operator {problem}", place=str(self.path), found=self.said(node), expected=expected
        )

    def said(self, node: Any, shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({})) -> str:
        """A node as an error names it: operator, name and the shapes of what it reads.

        `shapes` has those of tensors that were not read.
        """
        dims = []
        for each in node.input:
            value = self.values.get(each)
            if isinstance(value, Tensor | np.ndarray):
                dims.append(value.dims if isinstance(value, Tensor) else value.shape)
            elif each in shapes:
                dims.append(shapes[each])
        texts = ", ".join("x".join(map(str, it)) or "scalar" for it in dims[:3])
        name = node.name or (node.output[0] if node.output else "")
        return f"{node.op_type} {name[:60]}" + (f" of {texts}" if texts else "")

    def _added(self, tensor: Tensor) -> str:
        """Add a formula's operators to the draft; the name of what it makes."""
        draft, form = self.draft, tensor.form
        found = spelled(form)
        if found is None:
            assert isinstance(form, Gated)
            factors = self._added(replace(tensor, form=form.clip))
            source = self._scaled(tensor.base, Linear(np.asarray(form.factor), np.asarray(0.0)))
            gate = Gate(draft.name("gate"), (source, factors), tensor.shape, 0)
            return draft.add(gate)
        source = self._scaled(tensor.base, found.before)
        if found.activation != "none":
            source = draft.activated(source, found.activation)
        return self._scaled(source, found.after)

    def _scaled(self, source: str, form: Linear) -> str:
        if is_constant(form.scale, 1) and is_constant(form.shift, 0):
            return source
        return self.draft.scaled(source, form.scale, form.shift)


def sum_of(draft: Draft, first: str, second: str) -> str:
    """Add the sum of two tensors: what is made later is the branch, the other the shortcut."""
    if draft.position(first) < draft.position(second):
        first, second = second, first
    return draft.add(Add(draft.name("add"), (first, second), draft.shape(first), 0))

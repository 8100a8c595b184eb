"""The input of an ONNX graph: which one it is, in which layout, and of which size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnv3gen.errors import InputError, ModelError
from mnv3gen.graph.graph import Shape
from mnv3gen.onnx_import.axes import TO_CHW
from mnv3gen.onnx_import.tensors import Memory
from mnv3gen.tables.values import MAX_CHANNELS, MAX_SIDE
from mnv3gen.weights_import.onnx_file import attributes_of

FLOAT = 1
PICTURE = (1, 3, 4)  # channels that tell a picture's layout


@dataclass(frozen=True)
class OnnxInput:
    """`sides` are batch, then by `memory` (c, h, w) or (h, w, c); None where the file says none."""

    name: str
    sides: tuple[int | None, ...]
    memory: Memory

    def dims(self, shape: Shape) -> tuple[int, ...]:
        """A shape (h, w, c) in the order of ONNX's axes, with batch 1."""
        height, width, channels = shape
        return (1, channels, height, width) if self.memory == "chw" else (1, *shape)

    @property
    def known(self) -> tuple[int | None, int | None, int | None]:
        """Height, width, channels."""
        _, first, second, third = self.sides
        return (second, third, first) if self.memory == "chw" else (first, second, third)


def find_input(model: Any, path: Path) -> OnnxInput:
    """The one input that is no weight. ModelError unless it is one of four axes of float32."""
    weights = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs)[:100]
        raise _unfit(path, f"has {len(inputs)} inputs", names)
    (given,) = inputs
    tensor = given.type.tensor_type
    if tensor.elem_type != FLOAT:
        raise _unfit(path, "has an input of another type", f"{given.name}, type {tensor.elem_type}")
    sides = tuple(
        each.dim_value if each.HasField("dim_value") and each.dim_value > 0 else None
        for each in tensor.shape.dim
    )
    if len(sides) != 4:
        raise _unfit(path, f"has an input of {len(sides)} axes", given.name)
    if sides[0] not in (None, 1):
        raise _unfit(path, f"computes {sides[0]} pictures at a time", given.name)
    return OnnxInput(given.name, sides, _memory(model.graph, given.name, sides))


def pinned(data: OnnxInput, size: str | None, path: Path) -> Shape:
    """The input's (h, w, c), where the file leaves it open by `size`: "48x192" or "48x192x3".

    InputError if it is still open then, or another than the file's.
    """
    known = data.known
    wanted: tuple[int | None, ...] = (None, None, None)
    if size is not None:
        match = re.fullmatch("([0-9]{1,5})x([0-9]{1,5})(?:x([0-9]{1,5}))?", size)
        if match is None:
            raise InputError(
                "not an input's shape",
                place="--input-shape",
                found=size[:60],
                expected="height x width, or height x width x channels, such as 48x192x3",
            )
        wanted = tuple(None if side is None else int(side) for side in match.groups())
    sides = [have if ask is None else ask for have, ask in zip(known, wanted, strict=True)]
    shown = "x".join("?" if side is None else str(side) for side in known)
    if None in sides:
        raise InputError(
            "the network's input has no fixed size",
            place=f"{path}: {data.name}",
            found=f"{shown} (height x width x channels)",
            expected="--input-shape HEIGHTxWIDTH, or HEIGHTxWIDTHxCHANNELS",
        )
    for have, side in zip(known, sides, strict=True):
        if have is not None and have != side:
            raise InputError(
                "another size than the file's",
                place="--input-shape",
                found=size,
                expected=f"{shown} (height x width x channels)",
            )
    height, width, channels = (int(side or 0) for side in sides)
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and 1 <= channels <= MAX_CHANNELS):
        limits = f"sides of 1 to {MAX_SIDE} and 1 to {MAX_CHANNELS} channels"
        found = f"{height}x{width}x{channels}"
        raise InputError("input out of range", place=str(path), found=found, expected=limits)
    return height, width, channels


def _memory(graph: Any, name: str, sides: tuple[int | None, ...]) -> Memory:
    """NHWC if the first thing that is done is to make NCHW of it, or if only so it is a picture."""
    for node in graph.node:
        if name in node.input and node.op_type == "Transpose":
            return "hwc" if tuple(attributes_of(node).get("perm", ())) == TO_CHW else "chw"
    return "hwc" if sides[3] in PICTURE and sides[1] not in (*PICTURE, None) else "chw"


def _unfit(path: Path, problem: str, found: str) -> ModelError:
    expected = (
        "one input of float32, 1 x channels x height x width or 1 x height x width x channels"
    )
    return ModelError(problem, place=str(path), found=found, expected=expected)

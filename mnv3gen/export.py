"""A network as files that other tools read; the formats by name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.graph.graph import Graph
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.run import replacing_file

if TYPE_CHECKING:
    from mnv3gen.lower.relay import RelayModel

Format: TypeAlias = Literal["relay", "onnx", "torch", "safetensors", "saved-table"]
FORMATS: tuple[Format, ...] = get_args(Format)
Layout: TypeAlias = Literal["NCHW", "NHWC"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Rounding: TypeAlias = Literal["exact", "relay"]  # of int8 as Relay: ours, or Relay's own
PARAMS = ".params"  # beside Relay's text
WEIGHTS = ".safetensors"  # beside torch's source


@dataclass(frozen=True)
class Exported:
    """What is exported: `table` is the network's, `metadata` what a weights file says of itself.

    `quantized` is its int8 form, where that is asked for.
    """

    graph: Graph
    weights: Mapping[str, npt.NDArray[np.float32]]
    table: str
    metadata: Mapping[str, str]
    quantized: Quantized | None = None


def export(
    exported: Exported,
    form: Format,
    path: Path,
    layout: Layout = "NCHW",
    rounding: Rounding = "exact",
) -> list[Path]:
    """Write a network in a format; the files that were written, which appear when they are whole.

    `layout` is that of the tensors in Relay and of the input and outputs in ONNX, `rounding` that
    of int8 in Relay. InputError if the folder is missing or if the format has no such form.
    """
    if not path.parent.is_dir():
        raise InputError("no such folder", place="--output", found=path.parent)
    if form == "relay" and path.suffix == PARAMS:
        raise InputError(
            "the parameters' own file", place="--output", found=path, expected=".relay"
        )
    if layout != "NCHW" and form not in ("relay", "onnx"):
        raise InputError(
            "a layout of Relay's and ONNX's tensors", place="--layout", found=f"--format {form}"
        )
    if form == "torch" and path.suffix != ".py":
        raise InputError("no name of a Python file", place="--output", found=path, expected=".py")
    contents = _contents(exported, form, path, layout, rounding)
    with ExitStack() as stack:
        for file, content in contents.items():
            stack.enter_context(replacing_file(file)).write_bytes(content)
    return list(contents)


def _contents(
    exported: Exported, form: Format, path: Path, layout: Layout, rounding: Rounding
) -> dict[Path, bytes]:
    if exported.quantized is not None:
        if form == "relay":
            from mnv3gen.quantize.relay import to_int8_relay

            return _relay(to_int8_relay(exported.quantized, layout, rounding), path)
        return {path: _qdq(exported.quantized, form, layout)}
    graph, weights = exported.graph, exported.weights
    match form:
        case "relay":
            from mnv3gen.lower.relay import to_relay

            return _relay(to_relay(graph, weights, layout), path)
        case "onnx":
            from mnv3gen.lower.onnx import to_onnx

            _need_onnx()
            return {path: to_onnx(graph, weights, layout).SerializeToString()}
        case "torch":
            from mnv3gen.lower.torch_source import torch_source

            beside = path.with_suffix(WEIGHTS)
            return {beside: _safetensors(exported), path: torch_source(graph).encode()}
        case "safetensors":
            return {path: _safetensors(exported)}
        case "saved-table":
            return {path: exported.table.encode()}


def _safetensors(exported: Exported) -> bytes:
    from safetensors.numpy import save

    values = {name: np.ascontiguousarray(it) for name, it in exported.weights.items()}
    content: bytes = save(values, dict(exported.metadata))
    return content


def _relay(model: RelayModel, path: Path) -> dict[Path, bytes]:
    from mnv3gen.lower.relay_params import encode_params

    return {path.with_suffix(PARAMS): encode_params(model.params), path: model.text.encode()}


def _qdq(quantized: Quantized, form: Format, layout: Layout) -> bytes:
    if form != "onnx" or layout != "NCHW":
        raise InputError(
            "int8 is exported as Relay, or as ONNX of layout NCHW",
            place="--int8",
            found=f"--format {form} --layout {layout}",
            expected="--format onnx --int8 (float operators between QDQ pairs), or --format relay",
        )
    from mnv3gen.quantize.onnx import to_qdq_onnx

    _need_onnx()
    content: bytes = to_qdq_onnx(quantized).SerializeToString()
    return content


def _need_onnx() -> None:
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise InputError(
            "writing an ONNX file needs onnx, which is not installed",
            place="--format onnx",
            expected="pip install 'mnv3gen[onnx]'",
        ) from None

"""A network as files that other tools read; the formats by name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.graph.graph import Graph
from mnv3gen.quantize.quantized import Quantized
from mnv3gen.run import replacing_file

Format: TypeAlias = Literal["relay", "onnx", "safetensors", "saved-table"]
FORMATS: tuple[Format, ...] = get_args(Format)
Layout: TypeAlias = Literal["NCHW", "NHWC"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
PARAMS = ".params"  # beside Relay's text


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


def export(exported: Exported, form: Format, path: Path, layout: Layout = "NCHW") -> list[Path]:
    """Write a network in a format; the files that were written, which appear when they are whole.

    `layout` is that of the tensors in Relay and of the input and outputs in ONNX. InputError if
    the folder is missing or if the format has no such form.
    """
    if not path.parent.is_dir():
        raise InputError("no such folder", place="--output", found=path.parent)
    if form == "relay" and path.suffix == PARAMS:
        raise InputError(
            "the parameters' own file", place="--output", found=path, expected=".relay"
        )
    contents = _contents(exported, form, path, layout)
    with ExitStack() as stack:
        for file, content in contents.items():
            stack.enter_context(replacing_file(file)).write_bytes(content)
    return list(contents)


def _contents(exported: Exported, form: Format, path: Path, layout: Layout) -> dict[Path, bytes]:
    if exported.quantized is not None:
        return {path: _integers(exported.quantized, form, layout)}
    graph, weights = exported.graph, exported.weights
    match form:
        case "relay":
            from mnv3gen.lower.relay import to_relay
            from mnv3gen.lower.relay_params import encode_params

            model = to_relay(graph, weights, layout)
            params = encode_params(model.params)
            return {path.with_suffix(PARAMS): params, path: model.text.encode()}
        case "onnx":
            from mnv3gen.lower.onnx import to_onnx

            _need_onnx()
            return {path: to_onnx(graph, weights, layout).SerializeToString()}
        case "safetensors":
            from safetensors.numpy import save

            values = {name: np.ascontiguousarray(it) for name, it in weights.items()}
            return {path: save(values, dict(exported.metadata))}
        case "saved-table":
            return {path: exported.table.encode()}


def _integers(quantized: Quantized, form: Format, layout: Layout) -> bytes:
    if form != "onnx" or layout != "NCHW":
        raise InputError(
            "int8 is exported as ONNX of layout NCHW only",
            place="--int8",
            found=f"--format {form} --layout {layout}",
            expected="--format onnx --int8: float operators between QDQ pairs",
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

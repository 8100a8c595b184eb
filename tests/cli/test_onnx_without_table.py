"""Commands on an ONNX file that is no table: each takes it, or says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.command import Finished, mnv3gen
from support.compiled import tiny
from support.graphs import every_operator
from support.integers import quantized_on_random

from mnv3gen.cli.integers import warn_of_raised
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.quantize.quantized import Raised

Command = Callable[..., Finished]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    pytest.importorskip("onnx")
    from mnv3gen.lower.onnx import to_onnx

    graph = every_operator()
    model = to_onnx(graph, seeded_weights(graph), "NCHW")
    path = tmp_path / "every.onnx"
    path.write_bytes(model.SerializeToString())
    data = [seeded_input(graph.input_shape, seed) for seed in range(3)]
    np.savez(tmp_path / "x.npz", x=np.stack(data))
    return path


@pytest.mark.compile
def test_quantize_then_compile(command: Command, tmp_path: Path, file: Path) -> None:
    """What was measured is taken in place of pictures, and makes the same network as they do."""
    data, ranges = tmp_path / "x.npz", tmp_path / "ranges.json"
    page = tmp_path / "page.html"
    measured = command(
        "quantize", file, "--calibration", data, "-o", ranges, "--report", page, "--json"
    ).json
    assert measured["network"] == "every"
    assert "rectangular" not in page.read_text() and "conv2d2" in page.read_text()
    options = ["compile", file, "--target", "host", "--int8", "--json", "-o"]
    first = command(*options, tmp_path / "a", "--statistics", ranges).json
    command(*options, tmp_path / "b", "--calibration", data)
    assert first["max_error"] < 1e-6
    assert (tmp_path / "a/libevery.a").is_file()
    libraries = [(tmp_path / folder / "libevery.so").read_bytes() for folder in "ab"]
    assert libraries[0] == libraries[1]
    refused = command("compile", file, "--target", "host", "--int8", "--mixed", "1%", "-o", "c")
    assert refused.code == 2


@pytest.mark.compile
def test_measured_then_predicted(
    command: Command, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNV3GEN_RECORDS", str(tmp_path / "records"))
    table = command("latency-table", file, "--device", "local", "--runs", "3", "--json").json
    assert table["measured"] > 0
    # TVM's own kernels have to be guessed, and these are too few to learn from.
    predict = ("predict", file, "--device", "local", "--json")
    command(*predict).refused("too few to learn from")
    command("latency-table", "mobilenet_v3_small", "--device", "local", "--runs", "3")
    found = command(*predict).json
    assert found["network"] == "every"
    assert found["measured"] > 0
    assert found["guessed"]
    assert 0 < found["ms"] < 100


@pytest.mark.compile
def test_profiled_and_timed(command: Command, tmp_path: Path, file: Path) -> None:
    assert command("compile", file, "--target", "host", "-o", tmp_path / "out").code == 0
    profile = command("profile", tmp_path / "out", "--runs", "3", "--json").json
    assert profile["kernels"]
    timed = command("bench", file, "--against", "onnxruntime", "--rounds", "1", "--json").json
    assert {row["runner"] for row in timed} >= {"mnv3gen", "onnxruntime"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "--width", "0.5"], "an ONNX file has one form"),
        (["bench", "--ablation", "nonlinearity"], "h-swish is moved about in a table"),
        (["tune", "--resolution", "64"], "an ONNX file has one form"),
        (["latency-table", "--input-shape", "9x9"], "another size than the file's"),
        (["quantize", "--calibration", "x.npz", "--mixed", "1%"], "an ONNX file without a table"),
        (["predict", "--width", "0.5"], "an ONNX file has one form"),
        (["describe", "--input-shape", "tall"], "not an input's shape"),
    ],
)
def test_refusals(tmp_path: Path, file: Path, words: list[str], said: str) -> None:
    mnv3gen(words[0], file.name, *words[1:], folder=tmp_path).refused(said)


def test_scales_that_had_to_be_raised_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = quantized_on_random(tiny())
    raised = (Raised("a", 1.0, 20.0), Raised("b", 0.5, 7.5), Raised("c", 0.01, 2.0))
    warn_of_raised(replace(found, raised=raised))
    said = capsys.readouterr().err
    assert "int8 leaves little of c (200 times), a (20 times): " in said
    assert "--keep-float" in said
    warn_of_raised(replace(found, raised=raised[1:2]))
    assert capsys.readouterr().err == ""

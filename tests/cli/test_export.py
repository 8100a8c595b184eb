"""`mnv3gen export`, as a user types it; what the files compute is tested with their printers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file
from support.command import Finished, mnv3gen

from mnv3gen.graph.expand import expand
from mnv3gen.graph.reference import run
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.tables.parse import load
from mnv3gen.tables.zoo import resolve

Command = Callable[..., Finished]
NAME, FORM = "mobilenet_v3_small", ("--width", "0.35", "--resolution", "64")


def test_onnx_of_weights_from_a_file(command: Command, tmp_path: Path) -> None:
    """Weights exported, then used: onnxruntime computes what the reference executor does."""
    weights, model = tmp_path / "w.safetensors", tmp_path / "m.onnx"
    made = command(
        "export", NAME, *FORM, "--format", "safetensors", "--seed", "7", "-o", weights, "--json"
    ).json
    assert made["files"] == {str(weights): weights.stat().st_size}
    graph = expand(resolve(NAME, "0.35", 64))
    ours = seeded_weights(graph, 7)
    assert {name: value.shape for name, value in load_file(weights).items()} == {
        name: value.shape for name, value in ours.items()
    }
    options = ["--format", "onnx", "--weights", weights, "--layout", "NHWC", "-o", model]
    assert command("export", NAME, *FORM, *options, "--json").json["weights"] == "w.safetensors"
    onnx.checker.check_model(onnx.load(model), full_check=True)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    data = seeded_input(graph.input_shape)
    (found,) = session.run(None, {"input": data[np.newaxis]})
    (expected,) = run(graph, ours, data).values()
    assert abs(found[0] - expected).max() <= 1e-5 * abs(expected).max()


def test_a_table_is_the_changed_network(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "small.bneck"
    assert command("export", NAME, *FORM, "--format", "saved-table", "-o", path).code == 0
    assert load(path) == resolve(NAME, "0.35", 64)


def test_relay_is_two_files(command: Command, tmp_path: Path) -> None:
    result = command("export", NAME, *FORM, "--format", "relay", "-o", tmp_path / "m.relay")
    assert result.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"m.relay", "m.params"}
    assert (tmp_path / "m.relay").read_text().startswith('#[version = "0.0.5"]\n')


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "relay", "-o", "missing/m.relay"], "no such folder"),
        (["--format", "relay", "-o", "m.params"], "the parameters' own file"),
        (["--format", "relay", "--int8", "-o", "m.relay"], "int8 needs the ranges"),
        (["--format", "relay", "--rounding", "exact", "-o", "m.relay"], "an option of int8 in"),
        (["--format", "onnx", "--observer", "mse", "-o", "m.onnx"], "an option of --int8"),
        (["--format", "onnx", "--weights", "no.safetensors", "-o", "m.onnx"], "no such weights"),
        (["--format", "onx", "-o", "m.onnx"], "'onx' is not one of"),
    ],
)
def test_refusals(tmp_path: Path, options: list[str], said: str) -> None:
    result = mnv3gen("export", NAME, *FORM, *options, folder=tmp_path)
    result.refused(said)
    assert not list(tmp_path.iterdir())

"""The trained network that is shipped: its size, its record, and real pictures by torch and TVM.

fashion_mnist_250.npz has every 40th of Fashion-MNIST's test pictures (MIT licence, beside it).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.command import Finished

from mnv3gen.graph.count import count
from mnv3gen.graph.expand import expand
from mnv3gen.graph.weights import load_metadata, load_weights
from mnv3gen.tables.parse import load
from mnv3gen.train.data.specs import open_test_data
from mnv3gen.train.shipped import shipped

SAMPLE = Path(__file__).parent / "fashion_mnist_250.npz"


def test_size_and_record() -> None:
    """Issue 7: under 0.5 M parameters at 32 x 32, under 2 MB, at least 91.5 %."""
    files = shipped()
    network = load(files.table)
    graph = expand(network)
    counted = count(graph)
    assert (network.height, network.width, network.classes) == (32, 32, 10)
    assert (counted.params, counted.madds) == (files.record.parameters, files.record.madds)
    assert counted.params < 500_000
    assert files.weights.stat().st_size < 2_000_000
    assert files.record.pictures == 10_000
    assert files.record.right >= 9_150
    load_weights(files.weights, graph)
    assert load_metadata(files.weights)["preprocess"] == network.conventions.preprocess
    assert len(files.labels.read_text(encoding="utf-8").splitlines()) == 10


@pytest.mark.torch
def test_real_pictures_by_torch(command: Callable[..., Finished]) -> None:
    pytest.importorskip("torch")
    files = shipped()
    found = command("eval", files.weights, "--data", SAMPLE, "--json").json
    assert (found["pictures"], found["right"]) == (250, files.record.right_of_sample)


@pytest.mark.compile
def test_real_pictures_by_a_compiled_bundle(
    command: Callable[..., Finished], tmp_path: Path
) -> None:
    """Rounding differs: of 250 answers at most one may."""
    files = shipped()
    made = command(
        *("compile", files.table, "--weights", files.weights, "--labels", files.labels),
        *("--target", "host", "-o", tmp_path / "out"),
    )
    assert made.code == 0, made.err
    found = command("eval", tmp_path / "out", "--data", SAMPLE, "--json").json
    assert found["pictures"] == 250
    assert abs(found["right"] - files.record.right_of_sample) <= 1
    examples, names = open_test_data(str(SAMPLE))
    examples.picture(3).save(tmp_path / "picture.png")
    answer = command("run", tmp_path / "out", tmp_path / "picture.png", "--json").json["top"][0]
    assert answer["label"] == names[examples.labels[3]]

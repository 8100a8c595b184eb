"""Calibration, its pictures, and the statistics file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.compiled import TINY, tiny

from mnv3gen.errors import InputError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_input, seeded_weights
from mnv3gen.images import named
from mnv3gen.quantize.layer_errors import measure_errors
from mnv3gen.quantize.observers import OBSERVERS, observer_of
from mnv3gen.quantize.pictures import Pictures
from mnv3gen.quantize.prepare import calibrate, prepare
from mnv3gen.quantize.quantize_graph import quantize_graph
from mnv3gen.quantize.reference import run
from mnv3gen.quantize.statistics_file import Statistics, read_statistics, write_statistics
from mnv3gen.tables.parse import parse

SHAPE = (20, 20, 3)
PREPROCESS = named("inception")
WEIGHTS = seeded_weights(expand(tiny()))


def pictures_of(path: Path) -> Pictures:
    return Pictures(path, SHAPE, PREPROCESS)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures, and two files that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.RandomState(number).randint(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    path = tmp_path / "inputs.npz"
    data = np.stack([seeded_input(SHAPE, seed) for seed in range(8)])
    np.savez(path, inputs=data.astype(np.float32))
    return path


def test_what_cannot_be_read_is_named(photos: Path) -> None:
    pictures = pictures_of(photos)
    assert len(list(pictures)) == 3
    assert len(pictures.skipped) == 2
    assert "broken.png" in pictures.skipped[0]
    assert "notes.txt" in pictures.skipped[1]


def test_without_a_picture_there_is_nothing_to_calibrate(photos: Path) -> None:
    for path in photos.glob("?.png"):
        path.unlink()
    with pytest.raises(InputError, match="no picture could be read"):
        calibrate(tiny(), WEIGHTS, pictures_of(photos))


def test_a_sample_is_spread_and_leaves_the_pictures_alone(inputs: Path) -> None:
    pictures = pictures_of(inputs)
    sample = pictures.sample(3)
    for data, seed in zip(sample, (0, 4, 7), strict=True):  # of 0 to 7 at equal distances
        np.testing.assert_array_equal(data, seeded_input(SHAPE, seed))
    assert len(pictures) == 8


def test_the_file_keeps_everything(inputs: Path, tmp_path: Path) -> None:
    made = calibrate(tiny(), WEIGHTS, pictures_of(inputs), float_nodes=("bneck1.project",))
    write_statistics(made, tmp_path / "s.json")
    read = read_statistics(tmp_path / "s.json", tiny(), WEIGHTS)
    assert read.ranges.keys() == made.ranges.keys()
    assert (read.pictures, read.float_nodes) == (8, ["bneck1.project"])
    assert "bneck1.project" not in read.shifts
    for name, each in made.shifts.items():
        np.testing.assert_allclose(read.shifts[name], each, rtol=1e-5)
    lines = (tmp_path / "s.json").read_text().splitlines()
    assert sum('"conv2d1"' in line for line in lines) == 2  # a line for its range, one for shifts


def test_of_another_table_or_weights(inputs: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    write_statistics(calibrate(tiny(), WEIGHTS, pictures_of(inputs), correct=False), path)
    wider = parse(TINY.replace("        24    16", "        32    16"))
    with pytest.raises(InputError, match="made for another table"):
        read_statistics(path, wider, seeded_weights(expand(wider)))
    with pytest.raises(InputError, match="made for other weights"):
        read_statistics(path, tiny(), seeded_weights(expand(tiny()), seed=1))
    fields = json.loads(path.read_text())
    for problem, change in (
        ("another version", {"version": 1}),
        ("not a statistics file", {"ranges": {"input": ["a", 1]}}),
    ):
        path.write_text(json.dumps(fields | change))
        with pytest.raises(InputError, match=problem):
            read_statistics(path, tiny(), WEIGHTS)


def statistics(**changed: object) -> Statistics:
    fields: dict[str, object] = {
        "network": "tiny",
        "table": "",
        "weights": "",
        "observer": "mse",
        "pictures": 1,
        "ranges": {},
    }
    return Statistics(**(fields | changed))  # type: ignore[arg-type]


def test_incomplete_statistics() -> None:
    with pytest.raises(InputError, match="no such tensor"):
        prepare(tiny(), WEIGHTS, statistics())


@pytest.mark.parametrize("observer", OBSERVERS)
@pytest.mark.parametrize("value", [0.0, 0.5, -0.5, 1e30, 1e-30])
def test_a_constant_range(observer: str, value: float) -> None:
    made = observer_of(observer)  # type: ignore[arg-type]
    made.add(np.full(100, value, np.float32))
    low, high = made.range()
    assert np.isfinite([low, high]).all()
    assert low <= min(value, 0) * 0.98
    assert high >= max(value, 0) * 0.98


@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0])
def test_constant_pictures(size: float, tmp_path: Path) -> None:
    """Every tensor is constant: no division by zero, and outputs are float32's within a step."""
    np.savez(tmp_path / "x.npz", x=np.full((2, *SHAPE), size, np.float32))
    made = calibrate(tiny(), WEIGHTS, pictures_of(tmp_path / "x.npz"))
    quantized = prepare(tiny(), WEIGHTS, made)
    errors = measure_errors(quantized, [np.full(SHAPE, size, np.float32)])
    (output,) = quantized.graph.outputs
    assert errors.tensors[output].noise <= 10 * (6 * quantized.scales[output].scale) ** 2


def test_huge_ranges_are_refused_or_fit() -> None:
    graph = expand(tiny())
    names = [graph.input, *(node.name for node in graph.nodes)]
    names += [f"{node.name}:sums" for node in graph.convolutions]
    for size in (1e6, 1e20, 1e38):
        try:
            quantized = quantize_graph(graph, WEIGHTS, dict.fromkeys(names, (-size, size)))
        except InputError as error:
            assert "cannot be computed in int8" in str(error)
            continue
        (output,) = run(quantized, seeded_input(SHAPE)).values()
        assert np.isfinite(output).all()
    with pytest.raises(InputError, match="not finite"):
        quantize_graph(graph, WEIGHTS, dict.fromkeys(names, (0.0, np.inf)))

"""Weight files: what is written is read again, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mnv3gen.errors import WeightsError
from mnv3gen.graph.expand import expand
from mnv3gen.graph.seeded import seeded_weights
from mnv3gen.graph.weights import check_weights, load_weights, save_weights
from mnv3gen.tables.parse import parse

GRAPH = expand(parse("input: 8x8x3\nconv2d  -  8  -  HS  2\nbneck, 3x3  16  8  8  RE  1"))
WEIGHTS = seeded_weights(GRAPH)
PARAMETERS = 24  # 4 normalized convolutions of 5 parameters each, 2 with weight and bias


def refusal(tensors: dict[str, npt.NDArray[Any]]) -> str:
    with pytest.raises(WeightsError) as caught:
        check_weights(tensors, GRAPH, "file")
    return str(caught.value)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_weights(WEIGHTS, path)
    loaded = load_weights(path, GRAPH)
    assert list(loaded) == list(WEIGHTS)
    assert all(np.array_equal(loaded[name], WEIGHTS[name]) for name in WEIGHTS)
    assert {tensor.dtype for tensor in loaded.values()} == {np.dtype(np.float32)}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_transposed_view_is_saved_as_it_reads(tmp_path: Path) -> None:
    name = "bneck1.expand.weight"
    turned = np.asfortranarray(WEIGHTS[name])
    save_weights(WEIGHTS | {name: turned}, tmp_path / "w.safetensors")
    assert np.array_equal(load_weights(tmp_path / "w.safetensors", GRAPH)[name], WEIGHTS[name])


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions_become_float32(tmp_path: Path, dtype: type[np.floating[Any]]) -> None:
    tensors: dict[str, Any] = {name: tensor.astype(dtype) for name, tensor in WEIGHTS.items()}
    save_weights(tensors, tmp_path / "w.safetensors")
    loaded = load_weights(tmp_path / "w.safetensors", GRAPH)
    name = "conv2d1.weight"
    assert loaded[name].dtype == np.float32
    np.testing.assert_array_equal(loaded[name], tensors[name].astype(np.float32))


def test_every_misfit_is_in_one_error() -> None:
    tensors: dict[str, npt.NDArray[Any]] = {
        name: tensor.copy() for name, tensor in WEIGHTS.items() if name != "conv2d1.bn.bias"
    }
    tensors["classifier.weight"] = np.zeros((10, 8), np.float32)
    tensors["conv2d1.weight"] = np.zeros((8, 1, 3, 3), np.float32)
    tensors["bneck1.expand.weight"][3] = np.nan
    tensors["bneck1.project.weight"][0] = np.inf
    tensors["bneck1.se.squeeze.bias"] = np.zeros(8, np.int32)
    tensors["bneck1.project.bn.running_var"][0] = -0.5
    assert refusal(tensors).splitlines() == [
        "file: these weights do not fit network",
        "  missing:            conv2d1.bn.bias [8]",
        "  extra:              classifier.weight [10, 8]",
        "  wrong shape:        conv2d1.weight is [8, 1, 3, 3], expected [8, 3, 3, 3]",
        "  not finite numbers: bneck1.expand.weight",
        "  not finite numbers: bneck1.project.weight",
        "  not finite numbers: bneck1.se.squeeze.bias",
        "  negative variance:  bneck1.project.bn.running_var",
        f"  expected: the {PARAMETERS} parameters of network",
    ]


def test_more_than_eight_misfits_are_counted() -> None:
    lines = refusal({}).splitlines()
    missing = [line for line in lines if line.startswith("  missing:")]
    assert len(missing) == 9
    assert missing[-1] == f"  missing:            and {PARAMETERS - 8} more"


def test_eight_misfits_are_all_named() -> None:
    extra = {f"extra{number}": np.zeros(1, np.float32) for number in range(8)}
    text = refusal(WEIGHTS | extra)
    assert all(f"{name} [1]" in text for name in extra)
    assert "more" not in text


def test_a_scalar_does_not_stand_for_a_vector() -> None:
    text = refusal(WEIGHTS | {"bneck1.se.squeeze.bias": np.float32(0).reshape(())})
    assert "bneck1.se.squeeze.bias is [], expected [8]" in text


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="not a readable safetensors file") as caught:
        load_weights(path, GRAPH)
    assert caught.value.place == str(path)


def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are no weights, but a line of text\n", encoding="utf-8")
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_weights(path, GRAPH)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        load_weights(tmp_path / "nowhere.safetensors", GRAPH)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_weights(tmp_path, GRAPH)


def _half_written(path: Path, value: bytes) -> None:
    with path.open("wb") as file:
        file.write(value[: len(value) // 2])
    raise KeyboardInterrupt


def _not_replaced(path: Path, target: Path) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("method", "interrupted"), [("write_bytes", _half_written), ("replace", _not_replaced)]
)
def test_an_interrupted_save_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, interrupted: Any
) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(WEIGHTS, path)
    before = path.read_bytes()
    monkeypatch.setattr(Path, method, interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_weights(seeded_weights(GRAPH, seed=1), path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_value_beyond_float32_is_refused(tmp_path: Path) -> None:
    name = "conv2d1.bn.bias"
    tensors: dict[str, Any] = {k: tensor.astype(np.float64) for k, tensor in WEIGHTS.items()}
    tensors[name][0] = 1e300
    save_weights(tensors, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=f"not finite numbers: *{name}"):
        load_weights(tmp_path / "w.safetensors", GRAPH)


def raw(path: Path, dtype: str, content: bytes) -> Path:
    """A safetensors file of one tensor `a`, byte by byte as the format is specified."""
    header = f'{{"a":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,{len(content)}]}}}}'.encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content)
    return path


def test_bfloat16_is_read(tmp_path: Path) -> None:
    """It is the upper half of a float32: 0x3FC0 is 1.5. What is wrong here is only the name."""
    with pytest.raises(WeightsError, match=r"extra: *a \[1\]"):
        load_weights(raw(tmp_path / "w.safetensors", "BF16", b"\xc0\x3f"), GRAPH)


def test_float8_is_refused(tmp_path: Path) -> None:
    path = raw(tmp_path / "w.safetensors", "F8_E8M0", b"\0")
    with pytest.raises(WeightsError) as caught:
        load_weights(path, GRAPH)
    assert caught.value.place == str(path)


def test_saving_into_a_missing_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such folder") as caught:
        save_weights(WEIGHTS, tmp_path / "none" / "w.safetensors")
    assert caught.value.place == str(tmp_path / "none")

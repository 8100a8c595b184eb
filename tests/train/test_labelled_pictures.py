"""Data sets: what is read, and what is refused with which words."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnv3gen.errors import InputError
from mnv3gen.images import named
from mnv3gen.images.preprocess import to_tensor
from mnv3gen.train.data.examples import ArrayExamples, FileExamples, check_labels, split
from mnv3gen.train.data.idx import FOLDER, NAMES, read_idx
from mnv3gen.train.data.pixels import Inputs
from mnv3gen.train.data.specs import open_data, open_test_data


def idx(path: Path, array: np.ndarray) -> None:
    """Write an IDX file as its specification has it, gzipped if its name says so."""
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Twenty training pictures and four test pictures, one of the four files not gzipped."""
    pixels = np.arange(24 * 6, dtype=np.uint8).reshape(24, 3, 2)
    idx(tmp_path / "train-images-idx3-ubyte.gz", pixels[:20])
    idx(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(20) % 10)
    idx(tmp_path / "t10k-images-idx3-ubyte", pixels[20:])
    idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.arange(4))
    return tmp_path


def test_idx_files(mnist: Path) -> None:
    data = open_data(f"fashion-mnist:{mnist}")
    assert (len(data.train), len(data.held_out), data.names) == (20, 4, NAMES)
    picture = data.held_out.picture(1)
    assert (picture.mode, picture.size) == ("RGB", (2, 3))
    assert np.asarray(picture)[2, 1].tolist() == [21 * 6 + 5] * 3
    examples, names = open_test_data(f"fashion-mnist:{mnist}")
    assert (examples.labels.tolist(), names) == ([0, 1, 2, 3], NAMES)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no dataset-fashion-mnist")
def test_fashion_mnist_of_debian() -> None:
    data = open_data("fashion-mnist")
    assert np.bincount(data.train.labels).tolist() == [6000] * 10  # as its README says
    assert np.bincount(data.held_out.labels).tolist() == [1000] * 10


def test_idx_files_that_are_none(mnist: Path) -> None:
    images, labels = mnist / "train-images-idx3-ubyte.gz", mnist / "train-labels-idx1-ubyte.gz"
    whole = gzip.decompress(images.read_bytes())
    cases = {
        "cut off": gzip.compress(whole[:-1]),
        "not such a file": gzip.compress(b"\x00\x00\x0d\x03" + whole[4:]),
        "cannot be read": images.read_bytes()[:-9],
    }
    for words, content in cases.items():
        (mnist / "bad.gz").write_bytes(content)
        with pytest.raises(InputError, match=words):
            read_idx(mnist / "bad.gz", 3)
    idx(labels, np.zeros(19))
    with pytest.raises(InputError, match="not as many labels as pictures"):
        open_data(f"fashion-mnist:{mnist}")
    labels.unlink()
    with pytest.raises(InputError, match="no such file") as caught:
        open_data(f"fashion-mnist:{mnist}")
    assert "train-labels-idx1-ubyte" in str(caught.value)


def pictures(folder: Path, classes: dict[str, int]) -> None:
    for name, count in classes.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            color = (10 * number, len(name), 99)
            Image.new("RGB", (5, 4), color).save(folder / name / f"{number}.png")


def test_image_folders(tmp_path: Path) -> None:
    pictures(tmp_path / "train", {"cat": 3, "ant": 2})
    pictures(tmp_path / "val", {"ant": 1, "cat": 1})
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no picture", encoding="utf-8")
    data = open_data(f"imagefolder:{tmp_path}")
    assert data.names == ("ant", "cat")
    assert data.train.labels.tolist() == [0, 0, 1, 1, 1]
    examples, _ = open_test_data(str(tmp_path))
    assert isinstance(examples, FileExamples)
    assert [path.parent.name for path in examples.paths] == ["ant", "cat"]
    assert len(open_test_data(f"imagefolder:{tmp_path / 'train'}")[0]) == 5


def test_a_folder_without_a_held_out_part_is_split_by_class(tmp_path: Path) -> None:
    pictures(tmp_path, {"ant": 20, "bee": 10})
    data = open_data(str(tmp_path))
    assert np.bincount(data.held_out.labels).tolist() == [2, 1]
    assert np.bincount(data.train.labels).tolist() == [18, 9]
    names = {data.train.name(index) for index in range(27)}
    assert not names & {data.held_out.name(index) for index in range(3)}


def test_image_folders_that_cannot_be_used(tmp_path: Path) -> None:
    pictures(tmp_path / "train", {"ant": 1, "bee": 1})
    pictures(tmp_path / "val", {"ant": 1})
    with pytest.raises(InputError, match="not the classes of train/") as caught:
        open_data(str(tmp_path))
    assert "bee" in str(caught.value)
    (tmp_path / "val" / "bee").mkdir()
    with pytest.raises(InputError, match="a class folder without pictures") as caught:
        open_data(str(tmp_path))
    assert str(tmp_path / "val" / "bee") in str(caught.value)
    with pytest.raises(InputError, match="no class folders"):
        open_data(f"imagefolder:{tmp_path / 'val' / 'bee'}")
    with pytest.raises(InputError, match="no such folder"):
        open_data(f"imagefolder:{tmp_path / 'none'}")
    with pytest.raises(InputError, match="too few pictures to hold some out"):
        open_data(f"imagefolder:{tmp_path / 'train'}")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("fashion-mnits", "nearest:  fashion-mnist"),
        ("imagefolder", "needs a path"),
        ("imagefolder:", "no path"),
        ("npz:nothing.npz", "no such file"),
        ("fashion-mnist:nowhere", "no such folder"),
    ],
)
def test_what_is_no_data(spec: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_data(spec)


def test_npz_files(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    pixels, labels = np.zeros((30, 4, 5, 3), np.uint8), np.arange(30) % 3
    np.savez(path, images=pixels, labels=labels[:, None])
    data = open_data(str(path))
    assert data.names == ("class 0", "class 1", "class 2")
    assert np.bincount(data.held_out.labels).tolist() == [1, 1, 1]
    assert len(open_test_data(f"npz:{path}")[0]) == 30
    for arrays, words in (
        ({"images": pixels}, "no labels"),
        ({"images": pixels / 255, "labels": labels}, "not pictures"),
        ({"images": pixels, "labels": labels[:9]}, "expected: 30 integers"),
        ({"features": pixels}, "no pictures with labels"),
        ({"images": np.array([None] * 30), "labels": labels}, "Python objects"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(InputError, match=words):
            open_data(str(path))


def test_labels_outside_of_the_classes() -> None:
    examples = ArrayExamples("data", np.array([0, 1, 3, -1]), np.zeros((4, 2, 2), np.uint8))
    with pytest.raises(InputError, match="a label that is no class") as caught:
        check_labels(examples, 3)
    assert caught.value.place == "data[2]"
    assert caught.value.found == "label 3, and 1 more out of range"
    check_labels(examples.chosen(np.array([1, 0])), 2)


def test_inputs_are_those_of_run_and_leave_out_what_cannot_be_read(tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    pictures(tmp_path, {"ant": 2, "bee": 1})
    photo = random.randint(0, 256, (40, 31, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "bee" / "photo.png")
    (tmp_path / "ant" / "0.png").write_bytes(b"no picture")
    examples, _ = open_test_data(str(tmp_path))
    inputs = Inputs(examples, 8, 12, named("imagenet"))
    ((pixels, labels),) = inputs.chunks()
    assert (labels.tolist(), inputs.read) == ([0, 1, 1], [1, 2, 3])
    (problem,) = inputs.skipped
    assert "ant/0.png" in problem
    expected = to_tensor(Image.fromarray(photo), 8, 12, named("imagenet"))
    np.testing.assert_array_equal(inputs.tensors(pixels)[2], expected)


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "ant").mkdir()
    (tmp_path / "ant" / "0.png").write_bytes(b"")
    examples, _ = open_test_data(str(tmp_path))
    with pytest.raises(InputError, match="no picture could be read"):
        list(Inputs(examples, 8, 8, named("whole")).chunks())


def test_a_split_is_always_the_same_and_loses_nothing() -> None:
    labels = np.arange(100) % 5
    examples = ArrayExamples("data", labels, np.arange(100, dtype=np.uint8)[:, None, None])
    first, second = split(examples, 0.2), split(examples, 0.2)
    assert isinstance(first[0], ArrayExamples) and isinstance(first[1], ArrayExamples)
    both = [part.pixels.ravel().tolist() for part in first if isinstance(part, ArrayExamples)]
    again = [part.pixels.ravel().tolist() for part in second if isinstance(part, ArrayExamples)]
    assert both == again
    assert sorted(both[0] + both[1]) == list(range(100))
    assert np.bincount(first[1].labels).tolist() == [4] * 5

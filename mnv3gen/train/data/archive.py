"""Pictures and labels in one .npz file, under the names that Keras, MedMNIST and others use."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.images.reading import decoding
from mnv3gen.train.data.examples import ArrayExamples, Data, names_or_numbers, split

PAIRS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("images_train", "labels_train", "images_test", "labels_test"),
)
WHOLE = (("images", "labels"), ("pixels", "labels"), ("x", "y"))
EXPECTED = (
    "an .npz file with `images` (uint8, n x h x w or n x h x w x 3) and `labels` (integers, n), or "
    "x_train, y_train, x_test and y_test; `names` of the classes if wanted"
)


def archive(path: Path) -> Data:
    """The training and test pictures of a file, or a split of all that it has."""
    arrays = _arrays(path)
    names = arrays.get("names")
    known = None if names is None else [str(name) for name in names.ravel()]
    for x_train, y_train, x_test, y_test in PAIRS:
        if x_train in arrays and x_test in arrays:
            train = _examples(path, arrays, x_train, y_train)
            test = _examples(path, arrays, x_test, y_test)
            labels = np.concatenate([train.labels, test.labels])
            return Data(train, test, names_or_numbers(known, labels))
    examples = _whole(path, arrays)
    return Data(*split(examples), names_or_numbers(known, examples.labels))


def whole_archive(path: Path) -> tuple[ArrayExamples, tuple[str, ...]]:
    """What to evaluate on: the test pictures if they are apart, else all."""
    arrays = _arrays(path)
    if any(x_test in arrays for _, _, x_test, _ in PAIRS):
        data = archive(path)
        assert isinstance(data.held_out, ArrayExamples)
        return data.held_out, data.names
    examples = _whole(path, arrays)
    names = arrays.get("names")
    known = None if names is None else [str(name) for name in names.ravel()]
    return examples, names_or_numbers(known, examples.labels)


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    if not path.is_file():
        raise InputError("no such file", place=str(path), expected=EXPECTED)
    if not is_zipfile(path):
        raise InputError("not an .npz file", place=str(path), expected=EXPECTED)
    problem = "the file is damaged, or has Python objects"
    with decoding(path, problem, EXPECTED), np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def _whole(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> ArrayExamples:
    for images, labels in WHOLE:
        if images in arrays:
            return _examples(path, arrays, images, labels)
    found = f"arrays {', '.join(sorted(arrays)) or '(none)'}"
    raise InputError("no pictures with labels", place=str(path), found=found, expected=EXPECTED)


def _examples(
    path: Path, arrays: dict[str, npt.NDArray[Any]], images: str, labels: str
) -> ArrayExamples:
    pixels, classes = arrays[images], arrays.get(labels)
    if pixels.ndim == 4 and pixels.shape[3] == 1:
        pixels = pixels[..., 0]
    fits = pixels.dtype == np.uint8 and (pixels.ndim == 3 or pixels.shape[3:] == (3,))
    if not fits or 0 in pixels.shape[1:]:
        found = f"{images}: {pixels.dtype}, shape {pixels.shape}"
        raise InputError("not pictures", place=str(path), found=found, expected=EXPECTED)
    if classes is None or classes.dtype.kind not in "iu" or classes.size != len(pixels):
        found = "no such array" if classes is None else f"{classes.dtype}, shape {classes.shape}"
        expected = f"{len(pixels)} integers"
        raise InputError("no labels", place=f"{path}[{labels}]", found=found, expected=expected)
    return ArrayExamples(f"{path}[{images}]", classes.ravel().astype(np.int64), pixels)

"""The IDX files of MNIST and Fashion-MNIST, as they are distributed, gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import InputError
from mnv3gen.train.data.examples import ArrayExamples, Data

FOLDER = Path("/usr/share/datasets/fashion-mnist")
PACKAGE = "dataset-fashion-mnist"
UNSIGNED_BYTES = 0x08
MAX_BYTES = 1 << 31
# Of the data set's README, in the order of the labels.
NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def fashion_mnist(folder: Path | None) -> Data:
    """Fashion-MNIST from a folder with the four usual files, or from Debian's package."""
    place = folder or FOLDER
    if not place.is_dir():
        problem = "no such folder" if folder else "Fashion-MNIST is not installed"
        raise InputError(
            problem,
            place=str(place),
            expected=f"Debian's package {PACKAGE}, or fashion-mnist:DIR with your copy of "
            "train-images-idx3-ubyte.gz and the three other files",
        )
    return Data(_part(place, "train"), _part(place, "t10k"), NAMES)


def _part(folder: Path, part: str) -> ArrayExamples:
    images_path = _found(folder, f"{part}-images-idx3-ubyte")
    labels_path = _found(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise InputError(
            "not as many labels as pictures",
            place=str(labels_path),
            found=f"{len(labels)} labels",
            expected=f"{len(images)}, as in {images_path.name}",
        )
    return ArrayExamples(f"{folder}/{part}", labels.astype(np.int64), images)


def _found(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise InputError("no such file", place=str(folder / name), expected=f"{name} or {name}.gz")


def read_idx(path: Path, axes: int) -> npt.NDArray[np.uint8]:
    """The array of an IDX file of unsigned bytes; InputError for another or a damaged one."""
    content = _content(path)
    expected = f"an IDX file of unsigned bytes with {axes} axes"
    start = bytes((0, 0, UNSIGNED_BYTES, axes))
    if content[:4] != start:
        raise _unfit("not such a file", path, f"it starts with {content[:4]!r}", expected)
    header = 4 + 4 * axes
    sides: Any = np.frombuffer(content[4:header], ">u4")
    size = math.prod(int(side) for side in sides)
    if len(sides) != axes or len(content) - header != size:
        found = f"{len(content)} bytes"
        raise _unfit("the file is cut off or too long", path, found, f"{header + size} bytes")
    shape = tuple(int(side) for side in sides)
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return bytes(file.read(MAX_BYTES))
    except (OSError, EOFError, zlib.error) as error:
        raise _unfit("cannot be read", path, str(error), "an IDX file, gzipped or not") from error


def _unfit(problem: str, path: Path, found: str, expected: str) -> InputError:
    return InputError(problem, place=str(path), found=found, expected=expected)

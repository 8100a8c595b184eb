"""The inputs to calibrate with: the pictures of a folder, or the arrays of an .npz file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from zipfile import ZipFile, is_zipfile

import numpy as np
import numpy.typing as npt

from mnv3gen.errors import ImageError, InputError
from mnv3gen.images.arrays import is_tensor, picture_of, tensor_of
from mnv3gen.images.decode import load_input
from mnv3gen.images.preprocess import Preprocess, to_tensor
from mnv3gen.images.reading import decoding

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, int, int]
Load: TypeAlias = Callable[[], npt.NDArray[np.float32]]

EXPECTED = (
    "a folder of pictures, or an .npz file with arrays of N pictures (uint8, N x height x width x "
    "3) or N inputs (float, N x h x w x c)"
)
SUFFIX = ".npz"


class Pictures:
    """Inputs of a network, decoded one after the other; `skipped` says which could not be."""

    def __init__(self, path: Path, shape: Shape, preprocess: Preprocess) -> None:
        """InputError if the path is neither a folder nor an .npz file, or has nothing in it."""
        self.path, self.shape, self.preprocess = path, shape, preprocess
        self.skipped: list[str] = []
        self.loads = list(self._of_folder() if path.is_dir() else self._of_file())
        if not self.loads and not self.skipped:
            raise InputError("nothing to calibrate with", place=str(path), expected=EXPECTED)

    def __len__(self) -> int:
        return len(self.loads)

    def limited(self, count: int | None) -> Pictures:
        """Itself, with at most so many, taken at equal distances."""
        if count is not None and count < len(self.loads):
            chosen = np.linspace(0, len(self.loads) - 1, count).round().astype(int)
            self.loads = [self.loads[index] for index in chosen]
        return self

    def sample(self, count: int) -> list[npt.NDArray[np.float32]]:
        """At most so many inputs, at equal distances, without those that cannot be read."""
        chosen = copy(self)
        chosen.skipped = []
        return list(chosen.limited(count))

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        """The inputs (h, w, c). InputError at the end if not one could be read."""
        count = 0
        for load in self.loads:
            try:
                data = load()
            except ImageError as error:
                self.skipped.append(str(error))
                continue
            count += 1
            yield data
        if not count:
            raise InputError(
                "no picture could be read",
                place=str(self.path),
                found=self.skipped[0].replace("\n", "\n  ") if self.skipped else "no file",
                expected=EXPECTED,
            )

    def _of_folder(self) -> Iterator[Load]:
        for path in sorted(self.path.rglob("*")):
            if not path.is_dir() and not path.name.startswith("."):
                yield partial(load_input, path, self.shape, self.preprocess)

    def _of_file(self) -> Iterator[Load]:
        path = self.path
        if not path.exists():
            raise InputError("no such folder or file", place=str(path), expected=EXPECTED)
        if not path.is_file() or path.suffix.lower() != SUFFIX or not is_zipfile(path):
            raise InputError("no calibration data", place=str(path), expected=EXPECTED)
        with decoding(path, "the file is damaged", EXPECTED), ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
        for name in names:
            place = Path(f"{path}[{name}]")
            try:
                with decoding(place, "the array is damaged, or of Python objects", EXPECTED):
                    array: Array = np.asarray(np.load(path, allow_pickle=False)[name])
            except ImageError as error:
                self.skipped.append(str(error))
                continue
            items = array if array.ndim == 4 else array[np.newaxis]
            for number, item in enumerate(items):
                place = Path(f"{path}[{name}][{number}]")
                yield partial(self._of_array, item, place)

    def _of_array(self, array: Array, place: Path) -> npt.NDArray[np.float32]:
        if is_tensor(array):
            return tensor_of(array, place, self.shape)
        height, width, channels = self.shape
        if channels != len(self.preprocess.channels):
            problem = f"the network's input has {channels} channels, a picture 3"
            raise ImageError(problem, place=str(place), expected="a float array")
        picture = picture_of(array, place, self.shape)
        return to_tensor(picture, height, width, self.preprocess)

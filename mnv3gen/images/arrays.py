"""Arrays in .npy files: uint8 pictures, and float tensors that are an input already.

The file is mapped, not read: a header that promises more than the file holds costs no memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mnv3gen.errors import ImageError
from mnv3gen.images.reading import check_size, decoding

Array: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, int, int]
MAGIC = b"\x93NUMPY"


def open_array(path: Path, shape: Shape) -> Array:
    """The array of a .npy file, mapped. Raises `ImageError` for other contents, and for objects."""
    with path.open("rb") as file:
        start = file.read(len(MAGIC))
    if start != MAGIC:
        raise _unfit("not a NumPy array file", path, f"a file that starts with {start!r}", shape)
    problem = "the array is damaged, cut off, or of Python objects"
    with decoding(path, problem, _expected(shape)):
        # Objects would be unpickled, and a pickle can execute anything.
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def is_tensor(array: Array) -> bool:
    """Whether the array is an input already, and not a picture."""
    return array.dtype.kind == "f"


def tensor_of(array: Array, path: Path, shape: Shape) -> npt.NDArray[np.float32]:
    """A float array as float32 (h, w, c). Raises `ImageError` for another shape, NaN, infinity."""
    if array.shape not in (shape, (1, *shape)):
        raise _unfit("the tensor does not fit the network", path, _described(array), shape)
    with np.errstate(over="ignore"):
        tensor = np.array(array, np.float32, order="C").reshape(shape)
    strange = np.argwhere(~np.isfinite(tensor))
    if len(strange):
        at = tuple(map(int, strange[0]))
        value = array.reshape(shape)[at]
        problem = "the tensor has values that are not finite in float32"
        raise _unfit(problem, path, f"{value} at {at}, {len(strange)} in all", shape)
    return tensor


def picture_of(array: Array, path: Path, shape: Shape) -> Image.Image:
    """A uint8 array (any height, any width, 3) as a picture. Raises `ImageError` for others."""
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise _unfit("neither a picture nor a tensor", path, _described(array), shape)
    check_size(path, array.shape[1], array.shape[0])
    return Image.fromarray(np.ascontiguousarray(array))


def _described(array: Array) -> str:
    return f"an array of {array.dtype}, shape {array.shape}"


def _expected(shape: Shape) -> str:
    return f"a float array of shape {shape}, or a uint8 array (any height, any width, 3)"


def _unfit(problem: str, path: Path, found: str, shape: Shape) -> ImageError:
    return ImageError(problem, place=str(path), found=found, expected=_expected(shape))

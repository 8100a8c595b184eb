"""A picture or array file to the input tensor of a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mnv3gen.errors import ImageError
from mnv3gen.images.preprocess import Preprocess, to_tensor
from mnv3gen.images.reading import ACCEPTED, FORMATS, check_file, check_size, decoding, wrong_size

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image


def load_input(
    path: Path, shape: tuple[int, int, int], preprocess: Preprocess
) -> npt.NDArray[np.float32]:
    """The float32 input of `shape` (h, w, c) that a file gives.

    A picture, or a .npy file with a uint8 array (any height, any width, 3), is preprocessed. A .npy
    file with a float array is taken as it is: it has the shape (h, w, c) or (1, h, w, c).
    Raises `ImageError` for every file that is neither.
    """
    return load_with_picture(path, shape, preprocess)[0]


def load_with_picture(
    path: Path, shape: tuple[int, int, int], preprocess: Preprocess
) -> tuple[npt.NDArray[np.float32], Image.Image | None]:
    """As `load_input`, with the picture (mode RGB, turned upright) that the input was made from.

    The picture is None for a file that is an input already.
    """
    from mnv3gen.images.arrays import is_tensor, open_array, picture_of, tensor_of

    check_file(path)
    if path.suffix.lower() == ".npy":
        array = open_array(path, shape)
        if is_tensor(array):
            return tensor_of(array, path, shape), None
        picture = picture_of(array, path, shape)
    else:
        picture = open_picture(path)
    return _preprocessed(picture, path, shape, preprocess), picture


def open_picture(path: Path) -> Image.Image:
    """The decoded picture, turned as its EXIF orientation says, in mode RGB.

    Of an animation it is the first frame. Raises `ImageError` for a file that is no picture, is
    damaged or cut off, or has too many pixels; the last before any pixel is decoded.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    from mnv3gen.images.colours import to_rgb

    with decoding(path, "the picture is damaged or cut off"):
        try:
            picture = Image.open(path, formats=FORMATS)
        except Image.DecompressionBombError as error:  # Pillow's own limit lies above ours
            raise wrong_size(path, str(error)) from error
        except UnidentifiedImageError as error:
            raise _unknown(path) from error
        with picture:
            check_size(path, *picture.size)
            return to_rgb(ImageOps.exif_transpose(picture))


def _preprocessed(
    picture: Image.Image, path: Path, shape: tuple[int, int, int], preprocess: Preprocess
) -> npt.NDArray[np.float32]:
    height, width, channels = shape
    if channels != len(preprocess.channels):
        raise ImageError(
            f"the network's input has {channels} channels, a picture {len(preprocess.channels)}",
            place=str(path),
            found="a picture",
            expected=f"a .npy file with a float array of shape {shape}",
        )
    return to_tensor(picture, height, width, preprocess)


def _unknown(path: Path) -> ImageError:
    with path.open("rb") as file:
        start = file.read(8)
    return ImageError(
        "not a picture of a known format",
        place=str(path),
        found=f"a file that starts with {start!r}" if start else "an empty file",
        expected=ACCEPTED,
    )

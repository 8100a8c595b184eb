"""What holds for every file that is read: it exists, it is not too large, its bytes make sense."""

from __future__ import annotations

import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from mnv3gen.errors import ImageError, nearest_names

# TIFF is left out: too many kinds of it have no one meaning as an RGB picture.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
ACCEPTED = "a JPEG, PNG, BMP, GIF or WebP picture, or an array in a .npy file"
# Of a decoded picture: 192 MiB as RGB. A few kilobytes of PNG can claim far more.
MAX_PIXELS = 2**26
# Pillow computes boxes in float32; up to here they are exact to 1/256 of a pixel.
MAX_SIDE = 2**16
SIBLINGS = 1000  # files of a folder among which a misspelled name is looked for


def check_file(path: Path) -> None:
    """Raise `ImageError` unless the path is a regular file that can be opened."""
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
        if regular:  # opening a pipe would wait for its other end
            path.open("rb").close()
    except FileNotFoundError:
        problem, near = "no such file", nearest_names(path.name, _siblings(path))
        raise ImageError(problem, place=str(path), expected=ACCEPTED, nearest=near) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        problem = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise ImageError(problem, place=str(path), expected=ACCEPTED) from error
    if not regular:
        found = "a folder" if path.is_dir() else "a device or a pipe"
        raise ImageError("not a file", place=str(path), found=found, expected=ACCEPTED)


def check_size(path: Path, width: int, height: int) -> None:
    """Raise `ImageError` for a picture without pixels or with too many."""
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise wrong_size(path, f"{width} x {height} pixels")


def wrong_size(path: Path, found: str) -> ImageError:
    """The error for a picture whose size is out of range."""
    expected = f"sides of 1 to {MAX_SIDE} pixels, at most {MAX_PIXELS} pixels in all"
    return ImageError("impossible size", place=str(path), found=found, expected=expected)


@contextmanager
def decoding(path: Path, problem: str, expected: str = ACCEPTED) -> Iterator[None]:
    """Turn what a decoder raises at foreign bytes into `ImageError`; its warnings are not shown.

    Pillow and NumPy promise no set of exceptions: random files have them raise a dozen kinds, from
    SyntaxError to zlib.error. All of them are about the file, so every Exception is caught.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except Exception as error:
        found = str(error) or type(error).__name__
        raise ImageError(problem, place=str(path), found=found, expected=expected) from error


def _siblings(path: Path) -> list[str]:
    try:
        return [child.name for child in islice(path.parent.iterdir(), SIBLINGS)]
    except OSError:  # no such folder, or one that may not be listed
        return []

"""Every file that cannot be an input gives an `ImageError` that names it and says what can."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from mnv3gen.errors import ImageError
from mnv3gen.images import load_input, named

SHAPE = (4, 6, 3)


def failure(path: Path, shape: tuple[int, int, int] = SHAPE) -> ImageError:
    with pytest.raises(ImageError) as error:
        load_input(path, shape, named("inception"))
    assert error.value.place == str(path)
    assert error.value.expected
    return error.value


def encoded(format: str, size: tuple[int, int] = (64, 64)) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def array_bytes(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header gives a size that its few bytes of data do not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_missing_file_shows_its_nearest_sibling(tmp_path: Path) -> None:
    (tmp_path / "panda.jpg").touch()
    error = failure(tmp_path / "pandas.jpg")
    assert error.problem == "no such file"
    assert error.nearest == ("panda.jpg",)
    assert failure(tmp_path / "no folder" / "panda.jpg").problem == "no such file"


def test_a_folder(tmp_path: Path) -> None:
    assert failure(tmp_path).found == "a folder"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert failure(tmp_path / "pipe.png").problem == "not a file"


@pytest.mark.parametrize("name", ["a\0b.png", "n" * 300 + ".png"])
def test_an_impossible_name(tmp_path: Path, name: str) -> None:
    assert failure(tmp_path / name).problem.startswith("cannot be read: ")


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        (b"", "an empty file"),
        (b"%PDF-1.7\n", "a file that starts with b'%PDF-1.7'"),
        (b"II*\0\x08\0\0\0", r"a file that starts with b'II*\x00\x08\x00\x00\x00'"),  # TIFF
    ],
)
def test_an_unknown_format(tmp_path: Path, contents: bytes, found: str) -> None:
    (tmp_path / "picture.png").write_bytes(contents)
    error = failure(tmp_path / "picture.png")
    assert (error.problem, error.found) == ("not a picture of a known format", found)
    assert "JPEG, PNG, BMP, GIF or WebP" in str(error)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
def test_a_truncated_picture(tmp_path: Path, format: str) -> None:
    whole = encoded(format)
    (tmp_path / "picture").write_bytes(whole[: len(whole) // 2])
    assert failure(tmp_path / "picture").problem == "the picture is damaged or cut off"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize(
    ("width", "height"),
    [(8193, 8192), (65537, 1), (100_000, 100_000), (2**31 - 1, 2**31 - 1)],
)
def test_a_decompression_bomb(tmp_path: Path, width: int, height: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png_claiming(width, height))
    error = failure(tmp_path / "bomb.png")
    assert error.problem == "impossible size"
    assert error.expected == "sides of 1 to 65536 pixels, at most 67108864 pixels in all"


def test_a_picture_for_a_network_without_three_channels(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(encoded("PNG"))
    error = failure(tmp_path / "picture.png", (4, 6, 1))
    assert error.problem == "the network's input has 1 channels, a picture 3"


@pytest.mark.parametrize(
    ("array", "problem", "found"),
    [
        (
            np.zeros((6, 4, 3), np.float32),
            "the tensor does not fit the network",
            "an array of float32, shape (6, 4, 3)",
        ),
        (
            np.zeros((2, 4, 6, 3)),
            "the tensor does not fit the network",
            "an array of float64, shape (2, 4, 6, 3)",
        ),
        (
            np.zeros((4, 6, 3), np.int64),
            "neither a picture nor a tensor",
            "an array of int64, shape (4, 6, 3)",
        ),
        (
            np.zeros((4, 6), np.uint8),
            "neither a picture nor a tensor",
            "an array of uint8, shape (4, 6)",
        ),
        (
            np.zeros((4, 6, 4), np.uint8),
            "neither a picture nor a tensor",
            "an array of uint8, shape (4, 6, 4)",
        ),
    ],
)
def test_an_array_of_a_wrong_type_or_shape(
    tmp_path: Path, array: object, problem: str, found: str
) -> None:
    (tmp_path / "array.npy").write_bytes(array_bytes(array))
    error = failure(tmp_path / "array.npy")
    assert (error.problem, error.found) == (problem, found)
    assert "a float array of shape (4, 6, 3)" in str(error)


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (-np.inf, "-inf"), (1e39, "1e+39")])
def test_a_value_that_is_not_finite(tmp_path: Path, value: float, shown: str) -> None:
    tensor = np.zeros((1, 4, 6, 3))
    tensor[0, 2, 5, 1] = tensor[0, 3, 0, 0] = value
    np.save(tmp_path / "tensor.npy", tensor)
    assert failure(tmp_path / "tensor.npy").found == f"{shown} at (2, 5, 1), 2 in all"


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([print, {}], object), allow_pickle=True)
    assert "objects" in failure(tmp_path / "objects.npy").problem


def test_an_array_that_is_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "several.npz", np.zeros(3))
    (tmp_path / "several.npz").rename(tmp_path / "several.npy")
    assert failure(tmp_path / "several.npy").problem == "not a NumPy array file"


@pytest.mark.parametrize("size", [(65537, 1), (1, 65537)])
def test_a_uint8_array_of_an_impossible_size(tmp_path: Path, size: tuple[int, int]) -> None:
    np.save(tmp_path / "array.npy", np.zeros((*size, 3), np.uint8))
    assert failure(tmp_path / "array.npy").problem == "impossible size"


@pytest.mark.parametrize("shape", ["(4, 6, 3)", "(999999999, 999999999, 3)", "(0, 6, 3)"])
def test_an_array_that_its_file_does_not_hold(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    (tmp_path / "array.npy").write_bytes(start + header)
    failure(tmp_path / "array.npy")


def only_image_errors(path: Path, contents: bytes) -> None:
    path.write_bytes(contents)
    try:
        tensor = load_input(path, SHAPE, named("imagenet"))
    except ImageError as error:
        assert error.place == str(path)
        assert error.expected
    else:
        assert tensor.shape == SHAPE
        assert np.isfinite(tensor).all()


def changed(whole: bytes, at: int, bytes_there: bytes, keep: int) -> bytes:
    at %= len(whole)
    return (whole[:at] + bytes_there + whole[at + len(bytes_there) :])[: keep % len(whole) + 1]


NAMES = st.sampled_from(["any.png", "any.jpg", "any.npy"])
STARTS = st.sampled_from(
    [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"GIF89a", b"RIFF", b"\x93NUMPY\x01\0"]
)
fuzzed = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@fuzzed
@given(NAMES, STARTS, st.binary(max_size=200))
@example("any.npy", b"\x93NUMPY\x01\0", b"\x02\0((")
def test_any_bytes(tmp_path: Path, name: str, start: bytes, rest: bytes) -> None:
    only_image_errors(tmp_path / name, start + rest)


@fuzzed
@given(
    st.sampled_from(["JPEG", "PNG", "BMP", "GIF", "WEBP"]),
    st.integers(0, 2**16),
    st.binary(max_size=4),
    st.integers(0, 2**16),
)
def test_any_damage_to_a_picture(
    tmp_path: Path, format: str, at: int, bytes_there: bytes, keep: int
) -> None:
    contents = changed(encoded(format, (9, 9)), at, bytes_there, keep)
    only_image_errors(tmp_path / "damaged.jpg", contents)


@fuzzed
@given(st.integers(0, 2**16), st.binary(max_size=4), st.integers(0, 2**16))
def test_any_damage_to_an_array(tmp_path: Path, at: int, bytes_there: bytes, keep: int) -> None:
    contents = changed(array_bytes(np.zeros(SHAPE, np.float32)), at, bytes_there, keep)
    only_image_errors(tmp_path / "damaged.npy", contents)

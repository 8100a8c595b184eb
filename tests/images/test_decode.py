"""Formats, colour modes, orientation and arrays, each against values worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image

from mnv3gen.images import Preprocess, load_input

WHOLE = Preprocess(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), crop=1.0)  # x / 255
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def loaded(path: Path, height: int = 2, width: int = 2) -> npt.NDArray[np.float64]:
    tensor = load_input(path, (height, width, 3), WHOLE)
    assert tensor.shape == (height, width, 3)
    assert tensor.dtype == "float32"
    return tensor.astype(np.float64) * 255


def four_colours() -> Image.Image:
    """Red and green above blue and white, two pixels by two."""
    return Image.fromarray(np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8))


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif"])
def test_lossless_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"colours.{suffix}"
    four_colours().save(path)
    np.testing.assert_allclose(loaded(path), [[RED, GREEN], [BLUE, WHITE]], atol=1e-4)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"orange.{suffix}"
    Image.new("RGB", (16, 16), (200, 100, 50)).save(path)
    np.testing.assert_allclose(loaded(path), np.full((2, 2, 3), (200, 100, 50)), atol=5)


def test_the_contents_decide_not_the_name(tmp_path: Path) -> None:
    four_colours().save(tmp_path / "colours.jpg", format="PNG")
    np.testing.assert_allclose(loaded(tmp_path / "colours.jpg")[0, 0], RED, atol=1e-4)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        # From the EXIF standard, the tag Orientation: where the stored first row and column show.
        (1, [[RED, GREEN], [BLUE, WHITE]]),
        (2, [[GREEN, RED], [WHITE, BLUE]]),  # top, right
        (3, [[WHITE, BLUE], [GREEN, RED]]),  # bottom, right
        (4, [[BLUE, WHITE], [RED, GREEN]]),  # bottom, left
        (5, [[RED, BLUE], [GREEN, WHITE]]),  # left, top
        (6, [[BLUE, RED], [WHITE, GREEN]]),  # right, top
        (7, [[WHITE, GREEN], [BLUE, RED]]),  # right, bottom
        (8, [[GREEN, WHITE], [RED, BLUE]]),  # left, bottom
    ],
)
def test_exif_orientation(
    tmp_path: Path, orientation: int, expected: list[list[tuple[int, int, int]]]
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    four_colours().save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_allclose(loaded(tmp_path / "turned.png"), expected, atol=1e-4)


def test_exif_orientation_of_a_jpeg_counts_before_the_crop(tmp_path: Path) -> None:
    # Stored 32 wide, 16 high, left half white; turned it is 16 wide, 32 high, upper half white.
    picture = Image.new("RGB", (32, 16), "black")
    picture.paste(WHITE, (0, 0, 16, 16))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    levels = loaded(tmp_path / "turned.jpg", 4, 2)[..., 0]
    np.testing.assert_allclose(levels[[0, 3]], [[255, 255], [0, 0]], atol=3)


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected"),
    [
        ("1", 1, "png", WHITE),
        ("L", 90, "png", (90, 90, 90)),
        ("I;16", 0x5AFF, "png", (0x5A, 0x5A, 0x5A)),
        ("LA", (90, 0), "png", WHITE),
        ("LA", (90, 255), "png", (90, 90, 90)),
        ("RGBA", (200, 100, 0, 255), "png", (200, 100, 0)),
        ("RGBA", (200, 100, 0, 0), "png", WHITE),
        # 51 / 255 = 0.2 of the colour and 0.8 of white
        ("RGBA", (200, 100, 0, 51), "png", (244, 224, 204)),
        ("CMYK", (0, 0, 0, 255), "jpg", (0, 0, 0)),
        ("CMYK", (0, 0, 0, 55), "jpg", (200, 200, 200)),
    ],
)
def test_colour_modes(
    tmp_path: Path,
    mode: str,
    colour: int | tuple[int, ...],
    suffix: str,
    expected: tuple[int, int, int],
) -> None:
    path = tmp_path / f"picture.{suffix}"
    Image.new(mode, (8, 8), colour).save(path)
    with Image.open(path) as stored:
        assert stored.mode == mode
    np.testing.assert_allclose(loaded(path), np.full((2, 2, 3), expected), atol=1)


def test_a_transparent_palette_colour_is_white(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 2), 1)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((0, 0), 0)
    picture.save(tmp_path / "palette.png", transparency=0)
    tensor = loaded(tmp_path / "palette.png")
    np.testing.assert_allclose(tensor[0], [WHITE, (40, 50, 60)], atol=1e-4)


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (GREEN, RED)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(loaded(tmp_path / "moving.gif")[0, 0], GREEN, atol=1e-4)


def test_a_uint8_array_is_a_picture_of_any_size(tmp_path: Path) -> None:
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 4:] = WHITE
    np.save(tmp_path / "half.npy", np.asfortranarray(pixels))
    levels = loaded(tmp_path / "half.npy", 4, 4)[..., 2]
    np.testing.assert_allclose(levels, [[0, 0, 255, 255]] * 4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("batch", [(), (1,)])
def test_a_float_array_is_taken_as_it_is(
    tmp_path: Path, dtype: str, batch: tuple[int, ...]
) -> None:
    tensor = np.arange(-6, 6).reshape(2, 3, 2) / 4
    np.save(tmp_path / "tensor.npy", tensor.reshape(*batch, 2, 3, 2).astype(dtype))
    read = load_input(tmp_path / "tensor.npy", (2, 3, 2), WHOLE)
    assert read.dtype == np.dtype("float32") and read.dtype.isnative
    np.testing.assert_array_equal(read, tensor)


def test_a_tensor_is_a_copy_that_outlives_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "tensor.npy", np.ones((2, 2, 3), np.float32))
    tensor = load_input(tmp_path / "tensor.npy", (2, 2, 3), WHOLE)
    tensor += 1
    assert np.load(tmp_path / "tensor.npy").max() == 1
    assert tensor.flags.c_contiguous and not isinstance(tensor, np.memmap)


def test_importing_the_package_loads_neither_pillow_nor_numpy() -> None:
    code = "import sys, mnv3gen.images; print({'PIL', 'numpy'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout == "set()\n"

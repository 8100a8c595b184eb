"""Boxes and values of tiny synthetic pictures, worked out by hand."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnv3gen.errors import InputError
from mnv3gen.images.preprocess import (
    CONVENTIONS,
    Preprocess,
    central_box,
    kept_box,
    named,
    to_tensor,
)
from mnv3gen.tables.checks import CHOICES

WHOLE = Preprocess(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), crop=1.0)  # x / 255
SIDES = st.integers(1, 65536)


def gray_row(*values: int) -> Image.Image:
    return Image.fromarray(np.array([values], np.uint8)).convert("RGB")


def red_levels(picture: Image.Image, height: int, width: int) -> list[list[float]]:
    tensor = to_tensor(picture, height, width, WHOLE)
    assert tensor.shape == (height, width, 3)
    assert tensor.dtype == "float32"
    levels: list[list[float]] = (tensor[..., 0].astype(np.float64) * 255).round(3).tolist()
    return levels


def test_every_convention_of_a_table_has_a_preprocess() -> None:
    assert tuple(CONVENTIONS) == CHOICES["preprocess"]


def test_an_unknown_convention_shows_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        named("imagnet")
    assert error.value.found == "imagnet"
    assert error.value.nearest[0] == "imagenet"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # (51, 102, 204) / 255 = (0.2, 0.4, 0.8)
        ("inception", (-0.6, -0.2, 0.6)),
        ("imagenet", (-0.285 / 0.229, -0.056 / 0.224, 0.394 / 0.225)),
        ("whole", (-0.6, -0.2, 0.6)),
    ],
)
def test_a_constant_colour_keeps_its_channel_order(
    name: str, expected: tuple[float, float, float]
) -> None:
    tensor = to_tensor(Image.new("RGB", (5, 7), (51, 102, 204)), 2, 3, named(name))
    np.testing.assert_allclose(tensor, np.broadcast_to(expected, (2, 3, 3)), rtol=1e-6)


def test_inception_maps_black_and_white_to_the_ends() -> None:
    for colour, level in (("black", -1.0), ("white", 1.0)):
        tensor = to_tensor(Image.new("RGB", (3, 3), colour), 2, 2, named("inception"))
        assert tensor.min() == tensor.max() == level


def test_bilinear_enlarging_interpolates_between_pixel_centres() -> None:
    # New centres lie at -0.25, 0.25, 0.75 and 1.25 of the old ones; beyond the edge is no pixel.
    picture = gray_row(0, 200).resize((2, 2), Image.Resampling.NEAREST)
    assert red_levels(picture, 4, 4) == [[0, 50, 150, 200]] * 4


def test_bilinear_reducing_averages() -> None:
    # Triangles of half-width 2 around 1 and 3: weights 3/7, 3/7, 1/7 for 0, 70, 140.
    picture = gray_row(0, 70, 140, 210).resize((4, 4), Image.Resampling.NEAREST)
    assert red_levels(picture, 2, 2) == [[50, 160], [50, 160]]


def test_a_wide_picture_loses_its_sides() -> None:
    picture = Image.new("RGB", (8, 4), "black")
    picture.paste((255, 255, 255), (4, 0, 8, 4))
    assert red_levels(picture, 4, 4) == [[0, 0, 255, 255]] * 4


def test_a_tall_picture_loses_top_and_bottom() -> None:
    picture = Image.new("RGB", (2, 6), "black")
    picture.paste((255, 255, 255), (0, 0, 2, 2))
    picture.paste((255, 0, 0), (0, 2, 2, 3))
    assert red_levels(picture, 2, 2) == [[255, 255], [0, 0]]


@pytest.mark.parametrize(
    ("size", "fit", "crop", "box"),
    [
        ((256, 256), (224, 224), 0.875, (16, 16, 240, 240)),
        ((500, 300), (224, 224), 0.875, (118.75, 18.75, 381.25, 281.25)),
        ((300, 500), (224, 224), 0.875, (18.75, 118.75, 281.25, 381.25)),
        # An input twice as wide as high: the whole width, half of the height.
        ((400, 400), (200, 100), 1.0, (0, 100, 400, 300)),
        ((400, 400), (200, 100), 0.5, (100, 150, 300, 250)),
        ((1, 1), (224, 224), 1.0, (0, 0, 1, 1)),
    ],
)
def test_central_box(
    size: tuple[int, int], fit: tuple[int, int], crop: float, box: tuple[float, ...]
) -> None:
    assert central_box(size, fit, crop) == pytest.approx(box)


def test_the_whole_picture_is_stretched() -> None:
    # A white border of an eighth on the left and the right is lost to no crop.
    picture = Image.new("RGB", (16, 4), "black")
    picture.paste("white", (0, 0, 2, 4))
    picture.paste("white", (14, 0, 16, 4))
    tensor = to_tensor(picture.resize((8, 4), Image.Resampling.BOX), 4, 8, named("whole"))
    assert tensor[:, :, 0].tolist() == [[1, -1, -1, -1, -1, -1, -1, 1]] * 4
    assert kept_box((16, 4), (8, 4), named("whole")) == (0, 0, 16, 4)
    assert kept_box((16, 4), (8, 4), named("inception")) == pytest.approx((4.5, 0.25, 11.5, 3.75))


@given(SIDES, SIDES, st.integers(1, 4096), st.integers(1, 4096), st.floats(0.01, 1))
def test_a_box_lies_in_its_picture(
    width: int, height: int, fit_width: int, fit_height: int, crop: float
) -> None:
    left, top, right, bottom = central_box((width, height), (fit_width, fit_height), crop)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_the_crop_equals_torchvisions_resize_and_centre_crop() -> None:
    # resize_size=256, crop_size=224 on a picture of 512 x 512, as torchvision does with Pillow.
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    picture = Image.fromarray(pixels)
    theirs = picture.resize((256, 256), Image.Resampling.BILINEAR).crop((16, 16, 240, 240))
    preprocess = named("imagenet")
    expected = (np.asarray(theirs) / 255 - preprocess.mean) / preprocess.std
    np.testing.assert_allclose(to_tensor(picture, 224, 224, preprocess), expected, atol=1e-6)


def test_a_manifest_carries_a_preprocess() -> None:
    for preprocess in CONVENTIONS.values():
        assert msgspec.json.decode(msgspec.json.encode(preprocess), type=Preprocess) == preprocess


@pytest.mark.parametrize(
    "change",
    [
        {"crop": 0.0},
        {"crop": 1.5},
        {"mean": [0.5]},
        {"std": [0.5, 0.0, 0.5]},
        {"resize": "nearest"},
        {"channels": "BGR"},
        {"gamma": 2.2},
    ],
)
def test_a_manifest_with_an_impossible_preprocess_is_refused(change: dict[str, object]) -> None:
    fields = msgspec.to_builtins(named("inception")) | change
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, Preprocess)

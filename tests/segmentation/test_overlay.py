"""Maps of classes and overlays of pictures that are half one thing and half another."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mnv3gen.errors import Mnv3genError
from mnv3gen.segmentation import Share, class_map, colours_for, labels_for, overlay, shares

ROAD, SKY = (128, 64, 128), (70, 130, 180)


def test_logits_are_resized_before_they_are_compared() -> None:
    # Four centres at -0.25, 0.25, 0.75, 1.25 of the two: the first class has 3, 2.5, 1.5, 1, the
    # second 0, 1, 3, 4. The best of the two positions, enlarged, would give the same here ...
    logits = np.array([[[3, 0], [1, 4]]], np.float32)
    assert class_map(logits, (4, 1)).tolist() == [[0, 0, 1, 1]]
    # ... but not here: 9, 7, 3, 1 against 0, 1, 3, 4 leaves the second class the last one alone,
    # and of equal logits the lower class wins.
    logits = np.array([[[9, 0], [1, 4]]], np.float32)
    assert class_map(logits, (4, 1)).tolist() == [[0, 0, 0, 1]]


def test_logits_of_the_pictures_own_size() -> None:
    logits = np.random.default_rng(0).standard_normal((5, 7, 4)).astype(np.float32)
    np.testing.assert_array_equal(class_map(logits, (7, 5)), logits.argmax(axis=2))


def test_logits_that_are_not_finite() -> None:
    with pytest.raises(Mnv3genError, match="not finite"):
        class_map(np.array([[[0, np.inf]]], np.float32), (2, 2))


def test_shares() -> None:
    classes = np.array([[10, 10, 10, 0], [10, 0, 13, 13]], np.int32)
    assert shares(classes, labels_for(19)) == [
        Share(10, "sky", 0.5),
        Share(0, "road", 0.25),
        Share(13, "car", 0.25),
    ]


def test_overlay_of_a_half_and_half_picture() -> None:
    picture = Image.new("RGB", (300, 100), "white")
    logits = np.zeros((10, 30, 19), np.float32)
    logits[:5, :, 10] = logits[5:, :, 0] = 1
    classes = class_map(logits, picture.size)
    result = overlay(picture, classes, labels_for(19))
    assert result.width == 300
    assert result.height > 100
    pixels = np.asarray(result).astype(int)
    for rows, colour in ((slice(0, 50), SKY), (slice(50, 100), ROAD)):
        half = (np.array(colour) + 255) / 2
        assert abs(pixels[rows] - half).max() <= 1
    below = {tuple(pixel) for pixel in pixels[100:].reshape(-1, 3).tolist()}
    assert {SKY, ROAD} <= below  # the legend has what occurs
    assert colours_for(19)[13] not in below  # and nothing else


def test_a_legend_wider_than_the_picture() -> None:
    picture = Image.new("RGB", (16, 16), "white")
    result = overlay(picture, np.zeros((16, 16), np.int32), labels_for(19))
    assert result.width > 60
    assert tuple(np.asarray(result)[5, 30]) == (255, 255, 255)


def test_cityscapes() -> None:
    labels, colours = labels_for(19), colours_for(19)
    assert len(labels) == len(colours) == len(set(colours)) == 19
    assert dict(zip(labels, colours, strict=True))["bicycle"] == (119, 11, 32)
    assert (labels[0], labels[10], labels[18]) == ("road", "sky", "bicycle")


def test_other_numbers_of_classes() -> None:
    assert labels_for(2) == ("class 0", "class 1")
    assert labels_for(2, ("cat", "dog")) == ("cat", "dog")
    assert len(set(colours_for(150))) == 150

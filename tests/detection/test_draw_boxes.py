"""Boxes on pictures: where they are, and that labels stay within."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mnv3gen.detection import Detection, draw_boxes
from mnv3gen.images.drawing import distinct_colours

WHITE = (255, 255, 255)
# Saturation 0.8, value 1; the hues 0.618034 and 15 * 0.618034 - 9 = 0.270510 of a turn are 3.7082
# and 1.6231 sixths: (0.2, 1 - 0.8 * 0.7082, 1) and (1 - 0.8 * 0.6231, 1, 0.2).
COLOUR_1, COLOUR_15 = (51, 111, 255), (128, 255, 51)


def test_a_box_has_the_colour_of_its_class() -> None:
    picture = Image.new("RGB", (200, 100), WHITE)
    drawn = draw_boxes(picture, [Detection(15, "person", 0.9, (20, 30, 120, 80))])
    pixels = np.asarray(drawn)
    assert drawn.size == (200, 100)
    assert tuple(pixels[80, 60]) == tuple(pixels[60, 20]) == COLOUR_15
    assert tuple(pixels[60, 60]) == tuple(pixels[90, 60]) == WHITE  # inside and outside
    assert (pixels[14:30, 20:80] != 255).any()  # the label stands above
    assert np.asarray(picture).min() == 255  # the picture is as it was


def test_labels_stay_within_the_picture() -> None:
    picture = Image.new("RGB", (200, 100), WHITE)
    corners = [(180, 0, 200, 40), (-5, 50, 10, 99)]
    drawn = draw_boxes(picture, [Detection(1, "traffic light", 0.5, box) for box in corners])
    pixels = np.asarray(drawn)
    assert (pixels[:14, 110:180] == COLOUR_1).all(axis=2).mean() > 0.5  # moved to the left
    assert (pixels[36:50, 0:80] == COLOUR_1).all(axis=2).mean() > 0.5  # moved to the right


def test_a_picture_without_detections() -> None:
    picture = Image.new("RGB", (20, 10), WHITE)
    assert draw_boxes(picture, []).tobytes() == picture.tobytes()


def test_colours_differ() -> None:
    # VOCdevkit's labelcolormap: background, aeroplane, bicycle, ..., person, ..., tv monitor.
    colours = distinct_colours(4096)
    assert colours[:4] == ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
    assert (colours[15], colours[20], colours[255]) == (
        (192, 128, 128),
        (0, 64, 128),
        (224, 224, 192),
    )
    assert len(set(colours)) == 4096

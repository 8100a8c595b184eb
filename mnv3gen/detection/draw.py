"""Detections as boxes with label and score on their picture."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from mnv3gen.detection.decode import Box, Detection
from mnv3gen.images.drawing import Colour, Font, bright_colour, font_for, text_colour

MARGIN = 2  # pixels around a text


def draw_boxes(picture: Image.Image, detections: Sequence[Detection]) -> Image.Image:
    """A copy of the picture (mode RGB) with the boxes, the best detection on top.

    A class has a colour of its own. The label stands above its box, or inside where there is no
    room above.
    """
    drawn = picture.copy()
    canvas, font = ImageDraw.Draw(drawn), font_for(picture.size)
    line = max(2, min(picture.size) // 200)
    for each in sorted(detections, key=lambda each: each.score):
        colour = bright_colour(each.index)
        canvas.rectangle(each.box, outline=colour, width=line)
        text = f"{each.label} {each.score * 100:.0f} %"
        _write(canvas, text, each.box, picture.size, colour, font)
    return drawn


def _write(
    canvas: ImageDraw.ImageDraw,
    text: str,
    box: Box,
    size: tuple[int, int],
    colour: Colour,
    font: Font,
) -> None:
    """The text on a tag of the colour, at the box's upper left corner and within the picture."""
    right, bottom = canvas.textbbox((MARGIN, MARGIN), text, font)[2:]
    width, height = right + MARGIN, bottom + MARGIN
    x = max(0, min(box[0], size[0] - width))
    y = box[1] - height if box[1] >= height else box[1]
    canvas.rectangle((x, y, x + width, y + height), fill=colour)
    canvas.text((x + MARGIN, y + MARGIN), text, text_colour(colour), font)

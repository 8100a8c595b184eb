"""What drawings on pictures share: a font that fits, colours that differ, text that can be read."""

from __future__ import annotations

import colorsys
from typing import TypeAlias

from PIL import ImageFont

Colour: TypeAlias = tuple[int, int, int]
Font: TypeAlias = ImageFont.ImageFont | ImageFont.FreeTypeFont
SMALLEST_FONT = 12  # pixels
GOLDEN_RATIO = (5**0.5 - 1) / 2


def font_for(size: tuple[int, int]) -> Font:
    """A font that can be read on a picture of (width, height)."""
    return ImageFont.load_default(max(SMALLEST_FONT, min(size) // 32))


def distinct_colours(count: int) -> tuple[Colour, ...]:
    """The colour map of Pascal VOC (VOCdevkit's `labelcolormap`): black, dark red, dark green, ...

    The bits of the number become, three at a time, the bits of red, green and blue, the most
    significant first. Up to 2**24 colours differ.
    """
    return tuple(_colour(number) for number in range(count))


def _colour(number: int) -> Colour:
    channels = [0, 0, 0]
    for bit in range(24):
        channels[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return channels[0], channels[1], channels[2]


def bright_colour(number: int) -> Colour:
    """A bright colour, for lines that must be seen on any picture; neighbours differ most.

    The hue turns by the golden ratio from one number to the next.
    """
    red, green, blue = colorsys.hsv_to_rgb(number * GOLDEN_RATIO % 1, 0.8, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def text_colour(background: Colour) -> Colour:
    """Black or white, whichever can be read on the colour (luma of ITU-R BT.601)."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)

"""Any of Pillow's colour modes to RGB with 8 bits a channel."""

from __future__ import annotations

from PIL import Image


def to_rgb(picture: Image.Image) -> Image.Image:
    """The picture in mode RGB; what is transparent shows white.

    Gray is repeated in the three channels, of 16 bits the upper eight are kept (as Pillow itself
    keeps them of 16-bit RGB), CMYK becomes (255 - ink) * (255 - black) / 255. Embedded colour
    profiles are ignored, as TensorFlow's and torchvision's decoders do.
    """
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return _upper_bits(picture).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    above = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, above).convert("RGB")


def _upper_bits(picture: Image.Image) -> Image.Image:
    """16-bit gray to 8-bit gray; some versions of Pillow open it as "I", 32 bits wide."""
    import numpy as np

    return Image.fromarray((np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8))

"""Pictures of text, as networks that look at text see them: seeded, of DejaVu's fonts."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
WORDS = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split()


def lines(count: int, height: int, width: int) -> npt.NDArray[np.float32]:
    """(count, height, width, 3) in -1 to 1: one line of text each, every other one upside down."""
    random = np.random.default_rng(7)
    pictures = []
    for number in range(count):
        picture = _canvas(random, width, height)
        size = int(random.integers(height // 2, height * 4 // 5))
        text = _text(random, int(random.integers(2, 4)))
        _write(random, picture, text, size, (int(random.integers(0, 12)), (height - size) // 3))
        pictures.append(_noisy(random, picture.rotate(180 * (number % 2))))
    return (np.stack(pictures) / 127.5 - 1).astype(np.float32)


def pages(count: int, side: int) -> npt.NDArray[np.float32]:
    """(count, side, side, 3), imagenet's normalization: pages of text, turned by quarters."""
    random = np.random.default_rng(8)
    pictures = []
    for number in range(count):
        picture = _canvas(random, side, side)
        size, top = int(random.integers(12, 24)), int(random.integers(4, 20))
        left = int(random.integers(4, 24))
        while top < side - size:
            text = _text(random, int(random.integers(2, 9)))
            _write(random, picture, text, size, (left, top), black=True)
            top += int(size * random.uniform(1.2, 1.6))
        pictures.append(_noisy(random, picture.rotate(90 * (number % 4))))
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return ((np.stack(pictures) / 255 - mean) / std).astype(np.float32)


def _text(random: np.random.Generator, words: int) -> str:
    """Words, every fourth of them a number."""
    return " ".join(
        str(random.integers(10, 9999)) if random.random() < 0.25 else str(random.choice(WORDS))
        for _ in range(words)
    )


def _canvas(random: np.random.Generator, width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), tuple(random.integers(170, 256, 3).tolist()))


def _write(
    random: np.random.Generator,
    picture: Image.Image,
    text: str,
    size: int,
    at: tuple[int, int],
    black: bool = False,
) -> None:
    fonts = sorted(FONTS.glob("DejaVuSans*.ttf")) + sorted(FONTS.glob("DejaVuSerif*.ttf"))
    fonts = [path for path in fonts if "Display" not in path.name]
    font = ImageFont.truetype(fonts[int(random.integers(len(fonts)))], size)
    ink = (20, 20, 20) if black else tuple(random.integers(0, 110, 3).tolist())
    ImageDraw.Draw(picture).text(at, text, font=font, fill=ink)


def _noisy(random: np.random.Generator, picture: Image.Image) -> npt.NDArray[np.float64]:
    values = np.asarray(picture, np.float64)
    noise = random.normal(0, random.uniform(0, 6), values.shape)
    return np.clip(values + noise, 0, 255)

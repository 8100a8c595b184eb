"""A map of classes from logits, and as half-transparent colours with a legend on its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from mnv3gen.errors import Mnv3genError
from mnv3gen.images.drawing import Colour, font_for
from mnv3gen.segmentation.palette import colours_for

Classes: TypeAlias = npt.NDArray[np.int32]
MARGIN = 4  # pixels between the parts of the legend


@dataclass(frozen=True)
class Share:
    """A class that occurs, and the fraction of the picture that it has."""

    index: int
    label: str
    share: float


def class_map(logits: npt.NDArray[Any], size: tuple[int, int]) -> Classes:
    """The best class of every pixel, (height, width), for logits (h, w, k) and a (width, height).

    The logits of each class are resized bilinearly and then compared, as in the released
    evaluation; to their own size they stay as they are. Pixel centres are half pixels (Pillow;
    deeplab's own resize aligns corners). Of equal logits the lower class wins. One class is resized
    at a time, so that a picture of any size needs a few planes of memory. Raises `Mnv3genError`
    when a logit is not finite.
    """
    if not np.isfinite(logits).all():
        raise Mnv3genError("the network's output has values that are not finite")
    best = np.full(size[::-1], -np.inf, np.float32)
    classes = np.zeros(size[::-1], np.int32)
    for index in range(logits.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(logits[:, :, index], np.float32))
        values = np.asarray(plane.resize(size, Image.Resampling.BILINEAR))
        better = values > best
        classes[better] = index
        best[better] = values[better]
    return classes


def shares(classes: Classes, labels: Sequence[str]) -> list[Share]:
    """The classes that occur in a map, the largest first; of equal shares the lower class first."""
    counts = np.bincount(classes.ravel(), minlength=len(labels))
    order = [int(index) for index in np.argsort(-counts, kind="stable") if counts[index]]
    return [Share(index, labels[index], float(counts[index] / classes.size)) for index in order]


def overlay(picture: Image.Image, classes: Classes, labels: Sequence[str]) -> Image.Image:
    """The picture (mode RGB) under half-transparent colours, with a legend below it.

    ``classes`` has the picture's (height, width); ``labels`` are one a class. The picture keeps its
    place and size; the legend makes the result higher, and wider where one entry needs that.
    """
    colours = colours_for(len(labels))
    painted = Image.fromarray(np.array(colours, np.uint8)[classes])
    blended = Image.blend(picture, painted, 0.5)
    legend = _legend(shares(classes, labels), colours, picture.size)
    whole = Image.new("RGB", (legend.width, picture.height + legend.height), "white")
    whole.paste(blended, (0, 0))
    whole.paste(legend, (0, picture.height))
    return whole


def _legend(
    entries: Sequence[Share], colours: Sequence[Colour], size: tuple[int, int]
) -> Image.Image:
    """Swatches with label and share, in as many columns as fit below a picture of that size."""
    font = font_for(size)
    texts = [f"{each.label} {each.share * 100:.1f} %" for each in entries]
    boxes = [font.getbbox(text) for text in texts]
    side = max(round(box[3]) for box in boxes)
    column = side + max(round(box[2]) for box in boxes) + 4 * MARGIN
    columns = max(1, size[0] // column)
    rows = -(-len(entries) // columns)
    legend = Image.new("RGB", (max(column, size[0]), rows * (side + MARGIN) + MARGIN), "white")
    canvas = ImageDraw.Draw(legend)
    for place, (entry, text) in enumerate(zip(entries, texts, strict=True)):
        x, y = MARGIN + place % columns * column, MARGIN + place // columns * (side + MARGIN)
        canvas.rectangle((x, y, x + side, y + side), fill=colours[entry.index], outline="black")
        canvas.text((x + side + MARGIN, y), text, "black", font)
    return legend

"""Names and colours of a segmentation's classes: Cityscapes' 19, or any number."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from mnv3gen.images.drawing import Colour, distinct_colours

CITYSCAPES_CLASSES = 19


def labels_for(classes: int, labels: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The given labels; without any, Cityscapes' for 19 classes, and numbers for other networks.

    Raises ValueError for another number of labels than classes.
    """
    if labels and len(labels) != classes:
        raise ValueError(f"{len(labels)} labels for {classes} classes")
    if labels:
        return labels
    if classes == CITYSCAPES_CLASSES:
        return tuple(name for name, _ in cityscapes())
    return tuple(f"class {index}" for index in range(classes))


def colours_for(classes: int) -> tuple[Colour, ...]:
    """A colour a class: Cityscapes' for 19 of them, Pascal VOC's map for other numbers."""
    if classes == CITYSCAPES_CLASSES:
        return tuple(colour for _, colour in cityscapes())
    return distinct_colours(classes)


@cache
def cityscapes() -> tuple[tuple[str, Colour], ...]:
    """Name and colour of Cityscapes' evaluated classes by train id; see `cityscapes.txt`."""
    text = files("mnv3gen.segmentation").joinpath("cityscapes.txt").read_text(encoding="utf-8")
    rows = [line.split(maxsplit=3) for line in text.splitlines() if not line.startswith("#")]
    return tuple((name, (int(red), int(green), int(blue))) for red, green, blue, name in rows)

"""The names of a detector's classes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

COCO_CLASSES = 91


def labels_for(classes: int, labels: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The given labels; without any, COCO's for 91 classes, and numbers for other networks.

    One a class, the background, 0, among them. Raises ValueError for another number of labels.
    """
    if labels and len(labels) != classes:
        raise ValueError(f"{len(labels)} labels for {classes} classes")
    if labels:
        return labels
    named = coco() if classes == COCO_CLASSES else {}
    return tuple(named.get(index, f"class {index}") for index in range(classes))


@cache
def coco() -> dict[int, str]:
    """COCO's categories by id, 1 to 90 with gaps; see `coco.txt`."""
    text = files("mnv3gen.detection").joinpath("coco.txt").read_text(encoding="utf-8")
    rows = [line.split(maxsplit=1) for line in text.splitlines() if not line.startswith("#")]
    return {int(number): name for number, name in rows}

"""Raw heads to detections: box coder, scores, suppression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mnv3gen.detection.anchors import anchors
from mnv3gen.detection.conventions import Convention, check_boxes, matching_convention
from mnv3gen.detection.heads import read_heads
from mnv3gen.detection.labels import labels_for
from mnv3gen.detection.suppression import suppress

Array: TypeAlias = npt.NDArray[np.float64]
Box: TypeAlias = tuple[float, float, float, float]
CENTRE_SCALE, SIDE_SCALE = 10.0, 5.0


@dataclass(frozen=True)
class Detection:
    """A class, its score, 0 to 1, and its box (x0, y0, x1, y1) in pixels, x to the right."""

    index: int
    label: str
    score: float
    box: Box


def decode(
    outputs: Mapping[str, npt.NDArray[Any]],
    image_shape: tuple[float, float],
    convention: Convention | None = None,
    *,
    input_shape: tuple[int, int] = (1, 1),
    threshold: float | None = None,
    labels: tuple[str, ...] = (),
) -> list[Detection]:
    """The detections in a network's raw heads, the best first.

    ``outputs``: boxesN and scoresN by name, see `read_heads`. ``image_shape``: (height, width) in
    pixels of the picture that the whole input was made from; boxes are cut to it. ``convention``:
    without one, that which has as many boxes a position. ``input_shape``: see `anchors`.
    ``threshold``: the score that detections exceed; without one, that of the convention, which is
    made for measuring average precision and very low. ``labels``: one a class, the background among
    them; without them COCO's for 91 classes.

    Raises `InputError` for heads that do not fit together or have other boxes than the convention,
    `Mnv3genError` for values that are not finite or where OpenCV is missing.
    """
    heads = read_heads(outputs)
    rules = convention or matching_convention(heads.boxes)
    check_boxes(heads.boxes, rules)
    boxes = decode_boxes(heads.codes, anchors(heads.maps, rules, input_shape), rules)
    scores = scores_of(heads.logits, rules)
    names = labels_for(scores.shape[1], labels)
    limit = rules.threshold if threshold is None else threshold
    height, width = image_shape
    found = [
        Detection(index, names[index], score, _tuple(box * [width, height, width, height]))
        for index, score, box in _each_class(boxes, scores, rules, limit)
    ]
    return sorted(found, key=lambda each: -each.score)[: rules.total]


def decode_boxes(codes: Array, places: Array, rules: Convention) -> Array:
    """Codes (n, 4) relative to anchors (n, 4) as boxes (x0, y0, x1, y1), in the anchors' unit.

    The box coder of Faster R-CNN (arXiv:1506.01497, equation 2) with the factors 10, 10, 5, 5: a
    centre is at a + t / 10 of the anchor's side, a side is exp(t / 5) of the anchor's.
    """
    x, y, w, h = (codes[:, rules.code.index(letter)] for letter in "xywh")
    moved = np.stack([x, y], axis=1) / CENTRE_SCALE
    scaled = np.exp(np.minimum(np.stack([w, h], axis=1) / SIDE_SCALE, rules.largest_log))
    centres = places[:, :2] + moved * places[:, 2:]
    halves = scaled * places[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def scores_of(logits: Array, rules: Convention) -> Array:
    """The scores (n, k), 0 to 1, of logits (n, k); the class 0 is the background."""
    if rules.scores == "sigmoid":
        return np.exp(-np.logaddexp(0, -logits))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
    return scores


def _each_class(
    boxes: Array, scores: Array, rules: Convention, limit: float
) -> Iterator[tuple[int, float, Array]]:
    """Class, score and box, in fractions of the picture, of what is left by suppression.

    Boxes without an area in the picture are left out: object_detection prunes them too, torchvision
    reports them.
    """
    within = np.clip(boxes, 0, 1)
    compared = within if rules.clip_first else boxes
    real = _has_area(within) & _has_area(compared)
    for index in range(1, scores.shape[1]):
        rows = np.flatnonzero(real & (scores[:, index] > limit))
        kept = suppress(compared[rows], scores[rows, index], rules.overlap, rules.candidates)
        for row in rows[kept][: rules.per_class]:
            yield index, float(scores[row, index]), within[row]


def _has_area(boxes: Array) -> npt.NDArray[np.bool_]:
    areal: npt.NDArray[np.bool_] = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    return areal


def _tuple(box: Array) -> Box:
    x0, y0, x1, y1 = box.tolist()
    return x0, y0, x1, y1

"""How a detector was trained to be read: the two conventions by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mnv3gen.errors import InputError


@dataclass(frozen=True)
class Convention:
    """Everything that decoding has to know beside the heads themselves.

    ``name`` also picks the anchors. ``first_boxes``: anchors a position on the first feature map;
    the others have 6. ``code``: the order of a box's four values, of which "x" and "y" move the
    anchor's centre and "w" and "h" scale its sides. ``largest_log``: a side is scaled by at most
    the exponential of this. ``scores``: what makes scores of logits.

    ``threshold``: detections score more than this, 0 to 1. ``candidates``: the best so many of a
    class take part in suppression; 0 is all. ``overlap``: of two boxes of a class whose
    intersection over union is larger, the one of the lower score is dropped. ``clip_first``:
    whether boxes are cut to the picture before suppression or after it. ``per_class`` and ``total``
    are how many detections are kept at most.
    """

    name: Literal["object_detection", "torchvision"]
    first_boxes: int
    code: Literal["yxhw", "xywh"]
    largest_log: float
    scores: Literal["sigmoid", "softmax"]
    threshold: float
    candidates: int
    overlap: float
    clip_first: bool
    per_class: int
    total: int

    def boxes(self, maps: int) -> tuple[int, ...]:
        """The anchors that a position has on each of so many feature maps."""
        return (self.first_boxes, *[OTHER_BOXES] * (maps - 1))


CONVENTIONS = {
    # TensorFlow's object_detection: samples/configs/ssdlite_mobilenet_v3_large_320x320_coco.config
    # and its like, box_coders/faster_rcnn_box_coder.py, core/post_processing.py.
    "object_detection": Convention(
        name="object_detection",
        first_boxes=3,
        code="yxhw",
        largest_log=80.0,
        scores="sigmoid",
        threshold=1e-8,
        candidates=0,
        overlap=0.6,
        clip_first=False,
        per_class=100,
        total=100,
    ),
    # torchvision.models.detection: ssdlite320_mobilenet_v3_large, SSD.postprocess_detections, and
    # the BoxCoder of _utils.py.
    "torchvision": Convention(
        name="torchvision",
        first_boxes=6,
        code="xywh",
        largest_log=math.log(1000 / 16),
        scores="softmax",
        threshold=0.001,
        candidates=300,
        overlap=0.55,
        clip_first=True,
        per_class=300,
        total=300,
    ),
}

OTHER_BOXES = 6  # a position on all maps but the first


def matching_convention(boxes: Sequence[int]) -> Convention:
    """The convention that has so many boxes a position on each feature map.

    They differ on the first map: 3 of object_detection, 6 of torchvision. Raises `InputError` for
    other numbers.
    """
    fitting = [each for each in CONVENTIONS.values() if each.boxes(len(boxes)) == tuple(boxes)]
    if not fitting:
        raise _misfit(boxes, "3 (object_detection) or 6 (torchvision), then 6 on each further map")
    return fitting[0]


def check_boxes(boxes: Sequence[int], convention: Convention) -> None:
    """Raise `InputError` unless the convention has so many boxes a position on each map."""
    expected = convention.boxes(len(boxes))
    if tuple(boxes) != expected:
        raise _misfit(boxes, f"{', '.join(map(str, expected))} ({convention.name})")


def _misfit(boxes: Sequence[int], expected: str) -> InputError:
    return InputError(
        "no anchors for these heads",
        place="boxes a position, by feature map",
        found=", ".join(map(str, boxes)),
        expected=expected,
    )

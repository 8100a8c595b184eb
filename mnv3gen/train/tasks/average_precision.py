"""Mean average precision by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mnv3gen.detection import Detection
from mnv3gen.errors import Mnv3genError


def average_precision(
    found: Sequence[Sequence[Detection]],
    truth: Sequence[npt.NDArray[np.float32]],
    shape: tuple[int, int],
    names: Sequence[str],
) -> float:
    """COCO's mAP, 0 to 1, of detections a picture, beside boxes (class, x0, y0, x1, y1).

    Pictures are of one ``shape`` (height, width); class 0 is the background.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise Mnv3genError("mAP is pycocotools': pip install 'mnv3gen[heads]'") from error
    results = [
        {
            "image_id": picture,
            "category_id": each.index,
            "bbox": _sides(each.box),
            "score": each.score,
        }
        for picture, detections in enumerate(found, 1)
        for each in detections
    ]
    if not results:
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):  # it prints as it goes
        ground = COCO()
        ground.dataset = _dataset(truth, shape, names)
        ground.createIndex()
        evaluation = COCOeval(ground, ground.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return max(float(evaluation.stats[0]), 0.0)


def _dataset(
    truth: Sequence[npt.NDArray[np.float32]], shape: tuple[int, int], names: Sequence[str]
) -> dict[str, Any]:
    rows = [
        (picture, int(row[0]), _sides(row[1:].tolist()))
        for picture, boxes in enumerate(truth, 1)
        for row in boxes
    ]
    return {
        "info": {},
        "images": [
            {"id": picture, "height": shape[0], "width": shape[1]}
            for picture in range(1, len(truth) + 1)
        ],
        "categories": [{"id": index, "name": name} for index, name in enumerate(names) if index],
        "annotations": [
            {
                "id": number,
                "image_id": picture,
                "category_id": kind,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            for number, (picture, kind, box) in enumerate(rows, 1)
        ],
    }


def _sides(box: Sequence[float]) -> list[float]:
    x0, y0, x1, y1 = map(float, box)
    return [x0, y0, x1 - x0, y1 - y0]

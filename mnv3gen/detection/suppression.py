"""Non-maximum suppression, by OpenCV.

OpenCV's `cv2.dnn.NMSBoxes` is greedy suppression as TensorFlow's `non_max_suppression` and
torchvision's `nms` do it: best score first, dropped is what overlaps a kept box by more than the
threshold. It is maintained, has wheels for every platform and needs nothing but NumPy, where
torchvision's needs torch, and the packages made for suppression alone are unmaintained or need
numba. It is called for each class by itself and not by way of `NMSBoxesBatched`, which moves the
boxes of class c by c times the largest coordinate: boxes of negative coordinates then meet those of
another class, and one huge box costs all others their precision.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def suppress(
    boxes: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float64],
    overlap: float,
    candidates: int = 0,
) -> npt.NDArray[np.int64]:
    """The rows of `boxes` (n, 4) that are kept, those of the highest score first.

    Boxes are (x0, y0, x1, y1) of one class, of any unit and with an area; scores are above 0.
    ``overlap``: the largest intersection over union of two kept boxes. ``candidates``: only the
    best so many take part; 0 is all. Of equal scores the lower row comes first.
    """
    import cv2

    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.0, overlap, top_k=candidates)
    return np.asarray(kept, np.int64).reshape(-1)

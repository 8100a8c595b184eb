"""The default boxes of SSD (arXiv:1512.02325, section 2.2), in the forms of two libraries.

Of n feature maps the k-th has the scale s_k = 0.2 + 0.75 k / (n - 1), where k starts at 0, and s_n
is 1; one map alone has 0.2, and 0.95 after it. A box of scale s and aspect ratio r is s * sqrt(r)
wide and s / sqrt(r) high, in fractions of the picture. Both libraries put six boxes around every
position: the ratios 1, 2, 1/2, 3 and 1/3 at s_k and one more square of scale sqrt(s_k * s_(k+1)).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import numpy.typing as npt

from mnv3gen.detection.conventions import CONVENTIONS, Convention

SMALLEST, LARGEST = 0.2, 0.95


def anchors(
    maps: Sequence[tuple[int, int]],
    convention: Convention = CONVENTIONS["object_detection"],
    input_shape: tuple[int, int] = (1, 1),
) -> npt.NDArray[np.float64]:
    """The anchors of feature maps of (height, width), as rows (centre x, centre y, width, height).

    All values are fractions of the picture. Rows are in the order of the heads: map, y, x, box.
    ``input_shape`` is the network's input (height, width), of which only the aspect ratio counts.

    ``object_detection``: `create_ssd_anchors` of multiple_grid_anchor_generator.py with the values
    of the released configs (which round 1/3 to 0.3333). The first map has 3 boxes: a square of
    scale 0.1, and the ratios 2 and 1/2 at 0.2. Scales are fractions of the input's shorter side, so
    that a square is one in pixels of the input. Nothing is clipped.

    ``torchvision``: `DefaultBoxGenerator` of anchor_utils.py with the values of its ssdlite. Every
    map has 6 boxes, the additional square second. Scales are fractions of each side by itself, so
    that boxes are stretched with the input. Sides are clipped to 1, centres stay.
    """
    scales = _scales(len(maps))
    rows = []
    for index, (height, width) in enumerate(maps):
        sides = _sides(convention, index, scales[index], scales[index + 1], input_shape)
        y, x, box = np.indices((height, width, len(sides))).reshape(3, -1)
        centres = np.stack([(x + 0.5) / width, (y + 0.5) / height], axis=1)
        rows.append(np.concatenate([centres, sides[box]], axis=1))
    return np.concatenate(rows)


def _scales(maps: int) -> list[float]:
    """The scale of every map, and the one after them."""
    if maps == 1:
        return [SMALLEST, LARGEST]
    step = (LARGEST - SMALLEST) / (maps - 1)
    return [*(SMALLEST + step * index for index in range(maps)), 1.0]


def _sides(
    convention: Convention, index: int, scale: float, following: float, input_shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Widths and heights (boxes, 2) around a position of the map of that index."""
    between = (sqrt(scale * following), 1.0)
    if convention.name == "torchvision":
        boxes = [(scale, 1.0), between, *((scale, ratio) for ratio in (2, 1 / 2, 3, 1 / 3))]
        return np.minimum(_shaped(boxes), 1.0)
    if index == 0:
        boxes = [(0.1, 1.0), (scale, 2.0), (scale, 1 / 2)]
    else:
        boxes = [*((scale, ratio) for ratio in (1, 2, 1 / 2, 3, 1 / 3)), between]
    height, width = input_shape
    return _shaped(boxes) * min(height, width) / [width, height]


def _shaped(boxes: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    return np.array([(scale * sqrt(ratio), scale / sqrt(ratio)) for scale, ratio in boxes])

"""Which anchors should find which boxes, and what their heads should say (SSD, section 2.2)."""

from __future__ import annotations

from typing import TypeAlias

import torch

from mnv3gen.detection.conventions import Convention
from mnv3gen.detection.decode import CENTRE_SCALE, SIDE_SCALE

Tensor: TypeAlias = torch.Tensor

MATCH = 0.5  # intersection over union from which an anchor is responsible for a box


def overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Intersections over union (n, m) of boxes (n, 4) and (m, 4), (x0, y0, x1, y1)."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    common = (high - low).clamp_min(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    return common / (areas[0][:, None] + areas[1][None] - common).clamp_min(1e-12)


def matched(anchors: Tensor, boxes: Tensor) -> Tensor:
    """For each anchor (n, 4: centre x, y, width, height) the row of its box (m, 4), or -1.

    An anchor takes the box that it overlaps most if by at least MATCH; and every box has the
    anchor that overlaps it most, whatever that is.
    """
    if not len(boxes):
        return torch.full((len(anchors),), -1)
    halves = anchors[:, 2:] / 2
    found = overlaps(torch.cat([anchors[:, :2] - halves, anchors[:, :2] + halves], 1), boxes)
    most, rows = found.max(1)
    rows[most < MATCH] = -1
    rows[found.argmax(0)] = torch.arange(len(boxes), device=rows.device)
    return rows


def encoded(anchors: Tensor, boxes: Tensor, rules: Convention) -> Tensor:
    """The codes (n, 4) that `detection.decode_boxes` decodes to boxes (n, 4)."""
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    moved = (centres - anchors[:, :2]) / anchors[:, 2:] * CENTRE_SCALE
    scaled = (sides / anchors[:, 2:]).log() * SIDE_SCALE
    parts = dict(zip("xywh", torch.cat([moved, scaled], 1).unbind(1), strict=True))
    return torch.stack([parts[letter] for letter in rules.code], 1)

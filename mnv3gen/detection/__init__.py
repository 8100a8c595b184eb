"""Raw SSD heads to labelled boxes, and boxes onto pictures; knows no TVM and no bundle."""

from mnv3gen.detection.anchors import anchors
from mnv3gen.detection.conventions import CONVENTIONS, Convention, matching_convention
from mnv3gen.detection.decode import Detection, decode
from mnv3gen.detection.draw import draw_boxes
from mnv3gen.detection.heads import Heads, read_heads
from mnv3gen.detection.labels import labels_for
from mnv3gen.detection.suppression import suppress

__all__ = [
    "CONVENTIONS",
    "Convention",
    "Detection",
    "Heads",
    "anchors",
    "decode",
    "draw_boxes",
    "labels_for",
    "matching_convention",
    "read_heads",
    "suppress",
]

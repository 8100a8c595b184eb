"""Logits of every position to a map of classes, and the map onto its picture; knows no bundle."""

from mnv3gen.segmentation.overlay import Share, class_map, overlay, shares
from mnv3gen.segmentation.palette import colours_for, labels_for

__all__ = ["Share", "class_map", "colours_for", "labels_for", "overlay", "shares"]

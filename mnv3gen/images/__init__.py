"""Pictures to input tensors and class scores to ranked labels; knows no network and no TVM."""

from mnv3gen.images.classes import Ranked, load_labels, top_classes
from mnv3gen.images.decode import load_input, load_with_picture
from mnv3gen.images.preprocess import Preprocess, kept_box, named

__all__ = [
    "Preprocess",
    "Ranked",
    "kept_box",
    "load_input",
    "load_labels",
    "load_with_picture",
    "named",
    "top_classes",
]

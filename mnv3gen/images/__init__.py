"""Pictures to input tensors and class scores to ranked labels; knows no network and no TVM."""

from mnv3gen.images.classes import Ranked, load_labels, top_classes
from mnv3gen.images.decode import load_input
from mnv3gen.images.preprocess import Preprocess, named

__all__ = ["Preprocess", "Ranked", "load_input", "load_labels", "named", "top_classes"]

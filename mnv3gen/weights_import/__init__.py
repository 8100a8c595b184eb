"""Weights trained elsewhere: files of torch and ONNX to the parameters of a graph."""

from mnv3gen.weights_import.conventions import SOURCE_NAMES
from mnv3gen.weights_import.run import Imported, import_weights

__all__ = ["SOURCE_NAMES", "Imported", "import_weights"]

"""ONNX files to graphs, by what their operators compute: names are never looked at."""

from mnv3gen.onnx_import.run import Imported, import_onnx

__all__ = ["Imported", "import_onnx"]

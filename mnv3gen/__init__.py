"""A compiler-style generator of MobileNetV3-family networks on Apache TVM."""

__version__ = "0.1.0"

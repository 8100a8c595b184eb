"""int8: calibration, the pass from float32, and the exact semantics of the integer operators."""

"""Which layers of an int8 network stay in float32, within a stated loss of accuracy."""

"""Training with the integer network's own rounding."""

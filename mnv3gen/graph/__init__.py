"""Networks as primitive operators: expansion, counting, weights and the reference executor."""

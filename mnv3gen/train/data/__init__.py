"""Labelled pictures: where they come from, and batches of them."""

"""How many threads torch computes with in a search."""

from __future__ import annotations

import importlib.util


def one_thread() -> None:
    """Have torch compute with one thread, where it is there: sums then have one order."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)

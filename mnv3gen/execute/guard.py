"""Bytes of a known pattern around a buffer, which show a write outside of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnv3gen.errors import Mnv3genError

_PATTERN = 0xA5
# As float32 this is NaN: an output that was never written, or a result that was computed from
# workspace that was never written, cannot look like a number.
_FRESH = 0xFF


def guarded(length: int, start: int, size: int) -> NDArray[np.uint8]:
    """``length`` bytes of the pattern with a fresh buffer of ``size`` bytes at ``start``."""
    frame = np.full(length, _PATTERN, np.uint8)
    frame[start : start + size] = _FRESH
    return frame


def check_guards(frame: NDArray[np.uint8], start: int, size: int, name: str) -> None:
    """Raise ``Mnv3genError`` if the pattern before or after the buffer was overwritten."""
    for side, guard in (("before", frame[:start]), ("after", frame[start + size :])):
        changed = np.flatnonzero(guard != _PATTERN)
        if len(changed):
            far = len(guard) - changed[0] if side == "before" else changed[-1] + 1
            raise Mnv3genError(
                f"the library wrote outside of its {name}: up to {far} bytes {side} it "
                f"({name} is {size} bytes)"
            )

"""Ctrl-C and SIGTERM as a wish that is seen between two steps, when everything can be saved."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


@contextlib.contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that is set by the first SIGINT or SIGTERM; a second one interrupts at once."""
    wished = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wished
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if wished.is_set():
            raise KeyboardInterrupt
        wished.set()

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wished
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

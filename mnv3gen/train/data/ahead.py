"""Making the next items while the last one is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")

DEPTH = 2


def ahead(items: Iterator[Item], depth: int = DEPTH) -> Generator[Item, None, None]:
    """The items, made by a thread that is at most `depth` of them ahead.

    What the thread raises is raised here, where the item would have come.
    """
    made: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(depth)
    ended = threading.Event()

    def make() -> None:
        try:
            for item in items:
                if not _put(made, (item, None), ended):
                    return
            _put(made, (None, None), ended)
        except BaseException as error:
            _put(made, (None, error), ended)

    thread = threading.Thread(target=make, daemon=True, name="batches")
    thread.start()
    try:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        ended.set()
        thread.join()


def _put(made: queue.Queue[Item], item: Item, ended: threading.Event) -> bool:
    """Put an item when there is room; False if nobody wants it any more."""
    while not ended.is_set():
        try:
            made.put(item, timeout=0.1)
        except queue.Full:
            continue
        return True
    return False

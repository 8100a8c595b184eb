"""Folders that are gone when work ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

ATTEMPTS, PAUSE = 20, 0.05  # seconds; a child that was interrupted too may still be writing


@contextlib.contextmanager
def temporary_folder(beside: Path, label: str) -> Iterator[Path]:
    """A new hidden folder in the folder of `beside`, removed at the end if it is still there.

    The name is known before the folder is: an interrupt at any moment leaves nothing behind.
    """
    folder = beside.parent / f".{label}.{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder; an interrupt meanwhile is kept until it is gone."""
    interrupted = False
    for _ in range(ATTEMPTS):
        try:
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(PAUSE)
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt

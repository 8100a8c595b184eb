"""A file of JSON lines that only grows: what was measured is kept, whatever happens next."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


class Journal(Generic[T]):
    """The entries of a type in a file; lines that are none are skipped."""

    def __init__(self, path: Path, entry: type[T]) -> None:
        self.path = path
        self.damaged: list[int] = []  # numbers of lines that could not be read
        path.parent.mkdir(parents=True, exist_ok=True)
        self.entries = list(self._read(entry))

    def add(self, entry: T) -> None:
        """Write an entry; it is on the disk when this returns."""
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.entries.append(entry)

    def _read(self, entry: type[T]) -> Iterator[T]:
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):  # killed while writing
            with self.path.open("ab") as file:
                file.write(b"\n")
        for number, line in enumerate(content.splitlines(), 1):
            try:
                yield msgspec.json.decode(line, type=entry)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.damaged.append(number)

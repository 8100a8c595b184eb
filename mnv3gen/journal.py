"""A file of JSON lines that only grows: what was measured is kept, whatever happens next."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from mnv3gen.errors import Mnv3genError

T = TypeVar("T", bound=msgspec.Struct)


class Journal(Generic[T]):
    """The entries of a type in a file; lines that are none are skipped."""

    def __init__(self, path: Path, entry: type[T]) -> None:
        self.path = path
        self.damaged: list[int] = []  # numbers of lines that could not be read
        path.parent.mkdir(parents=True, exist_ok=True)
        self.entries = list(self._read(entry))

    def add(self, entry: T) -> None:
        """Write an entry; it is on the disk when this returns.

        Mnv3genError if it cannot be written: then the file is as it was. No OSError, which those
        who add what a device prints would take for the device's.
        """
        try:
            with self.path.open("ab", buffering=0) as file:
                _append(file, msgspec.json.encode(entry) + b"\n")
        except OSError as error:
            raise Mnv3genError(
                f"{self.path}: cannot save: {error.strerror or error}; what was saved before is "
                "whole, and the same command goes on from there"
            ) from error
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


def _append(file: io.FileIO, line: bytes) -> None:
    """Write a line; if that fails, nothing of it stays."""
    begin = file.seek(0, os.SEEK_END)
    written = 0
    try:
        written = file.write(line)
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            if file.seek(0, os.SEEK_END) == begin + written:  # nobody else's line is after it
                file.truncate(begin)
        raise

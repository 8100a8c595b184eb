"""Logs of records: one JSON object a line, sorted by key, at most one record of each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from mnv3gen.errors import InputError


class Record(Protocol):
    """A line of a log."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What a log has one record of."""


T = TypeVar("T", bound=Record)


def read_lines(path: Path, kind: type[T], name: str, writer: str) -> list[T]:
    """The records of a file; none if there is no such file.

    InputError names file and line, and that a ``name`` was expected, as ``writer`` writes them.
    """
    if not path.is_file():
        return []
    records = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            records.append(msgspec.json.decode(line, type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                f"not {name}: {error}",
                place=f"{path}:{number}",
                found=line[:60].decode(errors="replace"),
                expected=f"one JSON object a line, as {writer} writes them",
            ) from error
    return records


def encode_lines(records: Iterable[Record]) -> bytes:
    """A log's content: sorted, one record a line."""
    ordered = sorted(records, key=lambda record: record.key)
    return b"".join(msgspec.json.encode(record) + b"\n" for record in ordered)

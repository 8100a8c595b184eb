"""TOML files that come with the package under a name, and those of users, given by a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from mnv3gen.errors import InputError, nearest_names

SUFFIX = ".toml"
Content = TypeVar("Content")


@dataclass(frozen=True)
class NamedFiles(Generic[Content]):
    """Files of a kind: the package's own in `folder`, and what is in them.

    `kind` is what messages call one of them, `option` where it is given, `expected` where it is
    explained.
    """

    kind: str
    folder: Path
    content: type[Content]
    option: str
    expected: str

    def names(self) -> tuple[str, ...]:
        """The names of those that come with the package, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}")))

    def find(self, name_or_path: str) -> Path:
        """Whatever ends in `.toml` is a path, all else a name; InputError if there is none."""
        path = Path(name_or_path)
        if path.suffix == SUFFIX:
            return path
        names = self.names()
        if name_or_path not in names:
            raise InputError(
                f"no such {self.kind}",
                place=self.option,
                found=name_or_path,
                expected=f"{', '.join(names)}, or the path of a {SUFFIX} file",
                nearest=nearest_names(name_or_path, names),
            )
        return self.folder / f"{name_or_path}{SUFFIX}"

    def read(self, path: Path) -> Content:
        """What a file says; InputError if it cannot be read or says what it must not."""
        try:
            return msgspec.toml.decode(path.read_bytes(), type=self.content)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", place=str(path)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                f"not a {self.kind}", place=str(path), found=str(error), expected=self.expected
            ) from error

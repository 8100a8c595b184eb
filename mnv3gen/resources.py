"""Where the data folders lie: `targets/`, `schedules/` and `tuning_logs/`.

They stand beside the package in a checkout and inside it in a wheel. The folders of the
`MNV3GEN_PATH` environment variable (separated as in `PATH`) come first, so that a user's own
`targets/` or `schedules/` folder adds to ours or overrides a file of the same name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def folders(kind: str) -> Iterator[Path]:
    """The existing folders of one kind, those that win first."""
    roots = [Path(entry) for entry in os.environ.get("MNV3GEN_PATH", "").split(os.pathsep) if entry]
    for root in (*roots, PACKAGE / "_data", PACKAGE.parent):
        folder = root / kind
        if folder.is_dir():
            yield folder


def find(kind: str, suffix: str) -> dict[str, Path]:
    """Every file of a kind by its stem; of two files of one name the first on the path wins."""
    found: dict[str, Path] = {}
    for folder in folders(kind):
        for path in sorted(folder.glob(f"*{suffix}")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def by_folder(kind: str, name: str) -> dict[str, Path]:
    """The files of a name, one a subfolder; of several roots, the first that has it counts."""
    found: dict[str, Path] = {}
    for folder in folders(kind):
        for path in sorted(folder.glob(f"*/{name}")):
            found.setdefault(path.parent.name, path)
    return found

"""Faults at single writes: the library that makes them, and what is in a folder afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.command import ROOT


def build_faults(folder: Path) -> Path:
    """Compile `faults.c`."""
    library = folder / "faults.so"
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-O1"]
    command += [str(ROOT / "tests/support/faults.c"), "-o", str(library)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return library


def content_of(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their paths, without those of interrupted work."""
    files = (path.relative_to(folder) for path in sorted(folder.rglob("*")))
    kept = (it for it in files if not any(part.startswith(".") for part in it.parts))
    return {str(it): (folder / it).read_bytes() for it in kept if (folder / it).is_file()}

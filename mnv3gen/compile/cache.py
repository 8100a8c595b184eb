"""A cache of whole bundles, keyed by everything that a bundle depends on.

It lies in the user's cache folder (`MNV3GEN_CACHE` names another) and keeps the bundles that were
used last, up to a fixed size.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mnv3gen.compile.bundle import Bundle, read_bundle, replacing
from mnv3gen.compile.schedules import fingerprint
from mnv3gen.errors import BundleError, Mnv3genError

LIMIT_BYTES = 4 << 30
# Folders beside the bundles that are not ours to prune.
TUNING, MODELLED = "tuning", "modelled"
TOOLS = ("apache-tvm", "apache-tvm-ffi", "ziglang", "numpy")


def cache_folder() -> Path:
    """The folder of cached bundles."""
    from platformdirs import user_cache_path

    named = os.environ.get("MNV3GEN_CACHE")
    return Path(named) if named else user_cache_path("mnv3gen") / "bundles"


def tool_versions() -> dict[str, str]:
    """The installed versions of what bundles are made with, without importing any of it."""
    return {tool: importlib.metadata.version(tool) for tool in TOOLS}


def key_of(parts: Iterable[str]) -> str:
    """The key of a bundle: a hash over its inputs, our own sources and the tools' versions."""
    digest = hashlib.sha256()
    for part in (*parts, *tool_versions().values(), _sources(), fingerprint()):
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


def restore(key: str, folder: Path) -> Bundle | None:
    """Copy a cached bundle into an empty folder and check the copy; None if there is no whole one.

    A damaged entry is removed, and nothing of it is left in `folder`.
    """
    entry = cache_folder() / key
    if not entry.is_dir():
        return None
    try:
        copy_bundle(entry, folder)
        bundle = read_bundle(folder)
        os.utime(entry)
    except (BundleError, FileNotFoundError):  # damaged, or just removed by another process
        shutil.rmtree(entry, ignore_errors=True)
        for file in folder.iterdir():
            file.unlink()
        return None
    return bundle


def store(key: str, bundle: Bundle) -> None:
    """Keep a copy of a bundle; if there is no room for it, the cache stays as it was.

    Raises CacheError.
    """
    try:
        # What is there is the same bundle, stored by another process since `restore`.
        if not (cache_folder() / key).is_dir():
            with replacing(cache_folder() / key) as folder:
                copy_bundle(bundle.folder, folder)
        _prune(keep=key)
    except (OSError, Mnv3genError) as error:
        raise CacheError(str(error)) from error


class CacheError(Exception):
    """The cache could not be written; the bundle itself is whole."""


def copy_bundle(source: Path, folder: Path) -> None:
    """Copy a bundle's files into an existing folder."""
    for file in source.iterdir():
        shutil.copy2(file, folder)


def _prune(keep: str) -> None:
    """Remove the bundles that were not used for longest until the limit holds."""
    others = (keep, TUNING, MODELLED)
    entries = [entry for entry in cache_folder().iterdir() if entry.name not in others]
    total = _size(cache_folder() / keep)
    for entry in sorted(entries, key=_last_used, reverse=True):
        total += _size(entry)
        if total > LIMIT_BYTES:
            shutil.rmtree(entry, ignore_errors=True)


def _last_used(entry: Path) -> float:
    """Seconds; 0 for an entry that another process has just removed."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0


def _size(entry: Path) -> int:
    """Bytes of all files; 0 for an entry that another process has just removed."""
    try:
        return sum(file.stat().st_size for file in entry.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return 0


@cache
def _sources() -> str:
    """A hash of the package's own files, so that a changed compiler never serves an old bundle."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".c", ".h", ".cmake", ".toml"):
            digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

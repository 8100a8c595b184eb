"""The targets by name: the files of every `targets/` folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mnv3gen import resources
from mnv3gen.errors import TargetError, nearest_names
from mnv3gen.targets.check import refuse
from mnv3gen.targets.detect import detect
from mnv3gen.targets.reading import from_fields, merge, read_toml, shown
from mnv3gen.targets.target import Target

DEFAULT = "arm_cpu"


def names() -> tuple[str, ...]:
    """Return the names of all targets, sorted."""
    return tuple(resources.find("targets", ".toml"))


def load(name: str) -> Target:
    """Load a target by name. Raises `TargetError` if there is none or its file is wrong."""
    return load_file(_find(name, place=None))


def load_file(path: Path) -> Target:
    """Load the target that a file describes, named after the file. Raises `TargetError`."""
    file = shown(path)
    fields = _with_base(read_toml(path), path, file)
    if fields.get("detect") is True:
        fields = merge(detect(), fields)
    return from_fields(fields, path.stem, file)


def all_targets() -> tuple[Target, ...]:
    """Every target, by name. Raises `TargetError` if a file is wrong."""
    return tuple(load(name) for name in names())


def _find(name: str, place: str | None) -> Path:
    files = resources.find("targets", ".toml")
    if name not in files:
        raise TargetError(
            "no such target",
            place=place,
            found=name,
            expected=f"one of {', '.join(files)}",
            nearest=nearest_names(name, files),
        )
    return files[name]


def _with_base(fields: dict[str, Any], path: Path, file: str) -> dict[str, Any]:
    """Lay a file's fields over those of its base, which stands beside it or is known by name."""
    own = dict(fields)
    base = own.pop("base", None)
    if base is None:
        return own
    if not isinstance(base, str):
        refuse(file, "base", "wrong type", found=base, expected="a target's name")
    beside = path.with_name(f"{base}.toml")
    under = read_toml(beside if beside.is_file() else _find(base, place=f"{file}: base"))
    if "base" in under:
        expected = f"{under['base']}, or a file that stands for itself"
        refuse(file, "base", "has a base of its own", found=base, expected=expected)
    return merge(under, own)

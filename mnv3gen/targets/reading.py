"""From a TOML file or a manifest to a checked `Target`, with errors that name file and field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from mnv3gen.errors import TargetError, nearest_names
from mnv3gen.targets.check import check, one_of, refuse
from mnv3gen.targets.features import products_of
from mnv3gen.targets.target import Core, Emulation, Link, Llvm, Target

TABLES: dict[str, type[msgspec.Struct]] = {
    "llvm": Llvm,
    "core": Core,
    "link": Link,
    "emulation": Emulation,
}


def shown(path: Path) -> str:
    """Write a path as an error shows it: relative to the working directory if below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def read_toml(path: Path) -> dict[str, Any]:
    """Read the tables of a file. Raises `TargetError` with line and column for a syntax error."""
    try:
        tables: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise TargetError(problem, place=shown(path), expected="a target's .toml file") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem, _, position = str(error).partition(" (at ")
        place = f"{shown(path)}, {position.rstrip(')')}" if position else shown(path)
        raise TargetError(f"not TOML: {problem}", place=place, expected="TOML 1.0") from error
    return tables


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `under` with the fields of `over` in place of its own, tables field by field."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both_tables = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = merge(below, value) if both_tables and below is not None else value
    return merged


def from_fields(fields: Mapping[str, Any], name: str, file: str) -> Target:
    """Make a checked target from the fields of a file, which lack the name."""
    if "name" in fields:
        problem = "the name is the file's stem"
        refuse(file, "name", problem, found=fields["name"], expected="no such field")
    return _convert({**fields, "name": name}, file)


def from_manifest(fields: Mapping[str, Any], file: str = "manifest.json") -> Target:
    """Read back what `Target.to_manifest` wrote. Raises `TargetError` naming `file`."""
    return _convert(fields, file)


def _convert(fields: Mapping[str, Any], file: str) -> Target:
    _check_names(fields, Target, file, "")
    for key, kind in TABLES.items():
        if isinstance(fields.get(key), Mapping):
            _check_names(fields[key], kind, file, f"{key}.")
    try:
        target = msgspec.convert(fields, Target)
    except msgspec.ValidationError as error:
        _refuse_type(error, fields, file)
    check(target, file)
    core = msgspec.structs.replace(target.core, products=products_of(target))
    return msgspec.structs.replace(target, core=core)


def _check_names(
    fields: Mapping[str, Any], kind: type[msgspec.Struct], file: str, prefix: str
) -> None:
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    types = get_type_hints(kind)
    for name, value in fields.items():
        if name not in known:
            raise TargetError(
                "unknown field",
                place=f"{file}: {prefix}{name}",
                expected=one_of(known),
                nearest=nearest_names(name, known),
            )
        if get_origin(types[name]) is Literal and value not in get_args(types[name]):
            choices = get_args(types[name])
            place, expected = f"{prefix}{name}", one_of(choices)
            refuse(file, place, "unknown", found=value, expected=expected, choices=choices)
    for name, field in known.items():
        if field.required and name not in fields:
            kind_name = getattr(types[name], "__name__", str(types[name])).lower()
            refuse(file, f"{prefix}{name}", "missing", expected=_kind(name, kind_name))


def _kind(name: str, kind: str) -> str:
    return f"a table [{name}]" if name in TABLES else f"a field of type {kind}"


def _refuse_type(error: msgspec.ValidationError, fields: Mapping[str, Any], file: str) -> None:
    """Turn msgspec's `Expected X, got Y - at $.core.l2_kib` into an error of that field."""
    message, _, path = str(error).partition(" - at ")
    steps = re.findall(r"\w+", path)
    value: Any = fields
    for step in steps:
        value = value[int(step)] if isinstance(value, list) else value[step]
    expected = re.sub(r"Expected `([^`]+)`.*", r"\1", message)
    field = ".".join(steps)
    raise TargetError(
        "wrong type",
        place=f"{file}: {field}",
        found=repr(value),
        expected={"object": "a table", "array": "a list"}.get(expected, expected),
    ) from error

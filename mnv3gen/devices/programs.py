"""Small programs of our own for devices, compiled without a libc."""

from __future__ import annotations

from pathlib import Path
from string import Template

from mnv3gen.compile.link import link_program, link_shared
from mnv3gen.compile.sources import write_support
from mnv3gen.targets import Target

TEMPLATES = Path(__file__).resolve().parent / "templates"


def build_runner(target: Target, folder: Path) -> Path:
    """The library by which a device of TVM's RPC runs programs, in an existing folder."""
    return link_shared("runner.so", _sources("runner", folder), target, folder)


def build_probe(target: Target, folder: Path) -> Path:
    """The executable `probe`, which only says that it ran."""
    return link_program("probe", _sources("probe", folder), [], target, folder)


def _sources(name: str, folder: Path) -> list[str]:
    text = (TEMPLATES / f"{name}.c").read_text(encoding="utf-8")
    files = {f"{name}.c": Template(text).substitute(name=name)} | write_support(name)
    for file, content in files.items():
        (folder / file).write_text(content, encoding="utf-8")
    return [f"{name}.c", f"{name}-memory.c"]

"""The library by which a device of TVM's RPC runs programs."""

from __future__ import annotations

from pathlib import Path
from string import Template

from mnv3gen.compile.link import link_shared
from mnv3gen.compile.sources import write_support
from mnv3gen.targets import Target

TEMPLATE = Path(__file__).resolve().parent / "templates" / "runner.c"
NAME = "runner"


def build_runner(target: Target, folder: Path) -> Path:
    """Compile it for a target into an existing folder."""
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(name=NAME)
    for file, content in ({f"{NAME}.c": text} | write_support(NAME)).items():
        (folder / file).write_text(content, encoding="utf-8")
    return link_shared(f"{NAME}.so", [f"{NAME}.c", f"{NAME}-memory.c"], target, folder)

"""An executable that times kernels one by one: the same code as in bundles, linked without libc."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from string import Template

from mnv3gen import __version__
from mnv3gen.compile.cache import cache_folder
from mnv3gen.compile.kernels import machine_code
from mnv3gen.compile.link import link_program
from mnv3gen.compile.sources import TEMPLATES, write_support
from mnv3gen.measure.kernel import MOST_PARTS, Built, Code, build_code
from mnv3gen.run import replacing_file
from mnv3gen.targets import Target

TEMPLATE = Path(__file__).resolve().parent / "templates" / "kernels.c"
NAME = "kernels"


def find_program(codes: Sequence[Code], target: Target) -> Path | None:
    """The executable of some kernels, by their numbers, if it is in the cache."""
    place = _place(codes, target)
    if not place.is_file():
        return None
    place.parent.touch()
    return place


def cached_program(codes: Sequence[Code], target: Target) -> Path:
    """The same, built if it is not there."""
    found = find_program(codes, target)
    if found is not None:
        return found
    place = _place(codes, target)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mnv3gen-") as folder:
        program = build_program(codes, target, Path(folder).resolve())
        with replacing_file(place) as temporary:
            shutil.copy(program, temporary)
    return place


def build_program(codes: Sequence[Code], target: Target, folder: Path) -> Path:
    """The executable in an existing folder."""
    from tvm.target import Target as TvmTarget

    tvm_target = TvmTarget(target.tvm_dict())
    symbols = [f"kernel{number}" for number in range(len(codes))]
    built = [
        build_code(code, target.core, symbol, tvm_target)
        for code, symbol in zip(codes, symbols, strict=True)
    ]
    functions = {symbol: it.function for symbol, it in zip(symbols, built, strict=True)}
    machine_code(functions, tvm_target).write_to_file(str(folder / f"{NAME}-code.o"))
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=NAME,
        target=target.name,
        version=__version__,
        declarations="\n".join(map(_declaration, symbols, built)),
        kernels="\n".join(map(_row, symbols, built)),
    )
    for file, content in ({f"{NAME}-main.c": text} | write_support(NAME)).items():
        (folder / file).write_text(content, encoding="utf-8")
    sources = (f"{NAME}-main.c", f"{NAME}-memory.c")
    return link_program(NAME, sources, [f"{NAME}-code.o"], target, folder)


def _declaration(symbol: str, built: Built) -> str:
    return f"int32_t {symbol}({', '.join(['void *'] * len(built.parts))});"


def _row(symbol: str, built: Built) -> str:
    assert len(built.parts) <= MOST_PARTS
    parts = ", ".join(f"{{{part.role.upper()}, {part.bytes}}}" for part in built.parts)
    return f"  {{(kernel *){symbol}, {len(built.parts)}, {{{parts}}}}},"


def _place(codes: Sequence[Code], target: Target) -> Path:
    return cache_folder() / f"kernels-{_key(codes, target)}" / NAME


def _key(codes: Sequence[Code], target: Target) -> str:
    """A hash of the kernels and of the program around them."""
    digest = hashlib.sha256("\n".join(code.key(target) for code in codes).encode())
    parts = [TEMPLATES / name for name in ("text.h", "linux.h", "state.h", "memory.c")]
    for path in (TEMPLATE, *parts):
        digest.update(path.read_bytes())
    return digest.hexdigest()

"""Kernels and C sources to a shared library, a static one and an executable, by zig.

The PyPI package `ziglang` carries clang and lld for every target, so that no compiler, NDK or
sysroot has to be installed. Nothing is linked with a libc.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from mnv3gen.errors import Mnv3genError
from mnv3gen.targets import Target

SCRIPT = Path(__file__).resolve().parent / "templates" / "strip.ld"
EXPORTED = ("input_bytes", "output_bytes", "workspace_bytes", "alignment", "version", "run")


def link_library(name: str, target: Target, folder: Path) -> tuple[Path, Path]:
    """`lib<name>.so` and `lib<name>.a` from the kernels and the sources that lie in `folder`.

    The shared library has no undefined symbol: it loads on glibc, musl and Android's libc alike.
    """
    sources = (f"{name}.c", f"{name}-weights.c")
    objects = [_stripped(name, folder), *(_compile(each, target, folder) for each in sources)]
    # Not in the static library, whose user has these functions from a libc.
    memory = _compile(f"{name}-memory.c", target, folder)
    shared, static = folder / f"lib{name}.so", folder / f"lib{name}.a"
    exports = "".join(f"{name}_{function};" for function in EXPORTED)
    (folder / "exports.map").write_text(f"{{ global: {exports} local: *; }};\n", encoding="utf-8")
    _link(
        target,
        ["-shared", "-o", shared.name, "-soname", shared.name, "--hash-style=both"],
        ["--version-script=exports.map", "--no-undefined", "-z", "relro", "-z", "now"],
        [*objects, memory],
        folder=folder,
    )
    _zig(["ar", "rcsD", static.name, *objects], folder=folder)
    return shared, static


def link_benchmark(name: str, target: Target, folder: Path) -> Path:
    """The static executable `benchmark` from its sources and the static library.

    It has no libc: zig would first build one for the target, which takes a minute.
    """
    sources = (f"{name}-benchmark.c", f"{name}-memory.c")
    return link_program("benchmark", sources, [f"lib{name}.a"], target, folder)


def link_program(
    program: str, sources: Iterable[str], others: Iterable[str], target: Target, folder: Path
) -> Path:
    """A static executable from C sources without a libc and from objects or archives."""
    objects = [_compile(source, target, folder) for source in sources]
    _link(target, ["-static", "-o", program, "--strip-all", *objects, *others], folder=folder)
    return folder / program


def link_shared(program: str, sources: Iterable[str], target: Target, folder: Path) -> Path:
    """A shared library from C sources without a libc, with what they mark as visible."""
    objects = [_compile(source, target, folder) for source in sources]
    _link(target, ["-shared", "-o", program, "--no-undefined", *objects], folder=folder)
    return folder / program


def _link(target: Target, *arguments: list[str], folder: Path) -> None:
    _zig(
        ["ld.lld", "--gc-sections", "--build-id=none", "-z", "noexecstack"],
        ["-z", f"max-page-size={target.link.page_size}"],
        *arguments,
        folder=folder,
    )


def _stripped(name: str, folder: Path) -> str:
    """The kernels without the debug information that TVM has LLVM write, larger than the code.

    `--strip-debug` has no effect on an object file, a script that discards the sections has.
    """
    stripped = f"{name}-kernels-stripped.o"
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    _zig(["ld.lld", "-r", "-T", SCRIPT.name, "-o", stripped, f"{name}-kernels.o"], folder=folder)
    return stripped


def _compile(source: str, target: Target, folder: Path) -> str:
    compiled = f"{Path(source).stem}.o"
    _zig(
        ["cc", "-target", target.link.zig_target, "-std=c11", "-O2", "-fPIC", "-ffreestanding"],
        ["-fvisibility=hidden", "-fno-stack-protector", "-fno-unwind-tables"],
        # Zig's default is -g, and debug information names the folder.
        ["-fno-asynchronous-unwind-tables", "-g0", "-c", source, "-o", compiled],
        folder=folder,
    )
    return compiled


def _zig(*arguments: list[str], folder: Path) -> None:
    command = [sys.executable, "-m", "ziglang", *(part for group in arguments for part in group)]
    # Paths inside of the folder are relative, so that no binary carries where it was built.
    environment = os.environ | {"ZIG_LOCAL_CACHE_DIR": str(folder / ".zig-cache")}
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        lines = (result.stderr or result.stdout).strip().splitlines()[-20:]
        text = "\n  ".join(lines)
        raise Mnv3genError(
            f"zig {' '.join(command[3:6])} failed (exit {result.returncode}):\n  {text}"
        )

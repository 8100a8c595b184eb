"""Kernels and C sources to a shared library, a static one and an executable, by zig.

The PyPI package `ziglang` carries clang, lld and musl for every target, so that no compiler, NDK or
sysroot has to be installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mnv3gen.errors import Mnv3genError
from mnv3gen.targets import Target

EXPORTED = ("input_bytes", "output_bytes", "workspace_bytes", "alignment", "version", "run")


def link_library(name: str, target: Target, folder: Path) -> tuple[Path, Path]:
    """`lib<name>.so` and `lib<name>.a` from `kernels.o` and the sources that lie in `folder`.

    The shared library has no undefined symbol: it loads on glibc, musl and Android's libc alike.
    """
    objects = ["kernels.o"]
    objects += [_compile(source, target, folder) for source in (f"{name}.c", "weights.c")]
    # Not in the static library, whose user has these functions from a libc.
    memory = _compile("memory.c", target, folder, "-fno-builtin")
    shared, static = folder / f"lib{name}.so", folder / f"lib{name}.a"
    exports = "".join(f"{name}_{function};" for function in EXPORTED)
    (folder / "exports.map").write_text(f"{{ global: {exports} local: *; }};\n", encoding="utf-8")
    _zig(
        ["ld.lld", "-shared", "-o", shared.name, "-soname", shared.name],
        ["--version-script=exports.map", "--no-undefined", "--gc-sections", "--hash-style=both"],
        ["-z", f"max-page-size={target.link.page_size}", "-z", "noexecstack", "-z", "relro"],
        ["-z", "now", "--build-id=none", *objects, memory],
        folder=folder,
    )
    _zig(["ar", "rcsD", static.name, *objects], folder=folder)
    return shared, static


def link_benchmark(name: str, target: Target, folder: Path) -> Path:
    """The static executable `benchmark` from `benchmark.c` and the static library."""
    _zig(
        ["cc", "-target", target.link.zig_target, "-std=c11", "-O2", "-static", "-s", "-w"],
        ["-o", "benchmark", "benchmark.c", f"lib{name}.a"],
        folder=folder,
    )
    return folder / "benchmark"


def _compile(source: str, target: Target, folder: Path, *options: str) -> str:
    compiled = f"{Path(source).stem}.o"
    _zig(
        ["cc", "-target", target.link.zig_target, "-std=c11", "-O2", "-fPIC", "-ffreestanding"],
        ["-fvisibility=hidden", "-fno-stack-protector", "-fno-unwind-tables"],
        # Zig's default is -g, and debug information names the folder.
        ["-fno-asynchronous-unwind-tables", "-g0", *options, "-c", source, "-o", compiled],
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

"""Units as machine code: one library for all that are measured in turns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mnv3gen.compile.schedules import generators
from mnv3gen.errors import Mnv3genError
from mnv3gen.targets import Target, load
from mnv3gen.tune.units import Unit

REPEAT = Path(__file__).resolve().parent / "repeat.c"
MEMORY = Path(__file__).resolve().parents[1] / "compile" / "templates" / "memory.c"


def build(
    units: Sequence[Unit], target: Target, folder: Path, name: str, objects: Sequence[str] = ()
) -> tuple[Path, tuple[int, ...]]:
    """The library `name`.so with functions `candidate0` and on, one a member, in order.

    Beside it, how many bytes of scratch memory each function takes. `objects` are files in
    `folder` to link with it.
    """
    from tvm.target import Target as TvmTarget

    tvm_target = TvmTarget(target.tvm_dict())
    schedules = {schedule.name: schedule for schedule in generators()}
    written = [
        schedules[member.schedule].generate(member.group, target.core, member.parameters, 0)
        for unit in units
        for member in unit.members
    ]
    functions = {
        f"candidate{number}": generated.builder.function(f"candidate{number}", tvm_target)
        for number, generated in enumerate(written)
    }
    library = build_functions(functions, tvm_target, folder, name, objects)
    return library, tuple(it.frame.scratch_bytes for it in written)


def build_functions(
    functions: Mapping[str, Any],
    tvm_target: Any,
    folder: Path,
    name: str,
    objects: Sequence[str] = (),
) -> Path:
    """The library `name`.so of lowered C functions, by their symbols."""
    import tvm
    from tvm.tirx.transform import LowerIntrin, LowerTVMBuiltin, StmtSimplify

    with tvm_target:
        passes = [StmtSimplify(), LowerTVMBuiltin(), LowerIntrin()]
        module = tvm.transform.Sequential(passes)(tvm.IRModule(dict(functions)))
        code = tvm.get_global_func("target.build.llvm")(module, tvm_target)
    code.write_to_file(str(folder / "candidates.o"))
    linker = ["ld.lld", "-shared", "--allow-shlib-undefined"]
    _zig([*linker, "-o", f"{name}.so", "candidates.o", *objects], folder)
    return folder / f"{name}.so"


def build_repeat(folder: Path) -> Path:
    """The library with the loop around kernels, for this machine."""
    triple = load("host").link.zig_target
    options = ["-target", triple, "-O2", "-g0", "-fPIC", "-shared", "-nostdlib"]
    _zig(["cc", *options, "-o", "repeat.so", str(REPEAT)], folder)
    return folder / "repeat.so"


def build_memory(target: Target, folder: Path) -> str:
    """The object file with what LLVM calls to copy and fill memory, for code without a libc."""
    options = ["-target", target.link.zig_target, "-O2", "-g0", "-fPIC", "-ffreestanding"]
    _zig(["cc", *options, "-c", "-o", "memory.o", str(MEMORY)], folder)
    return "memory.o"


def _zig(arguments: list[str], folder: Path) -> None:
    environment = os.environ | {"ZIG_LOCAL_CACHE_DIR": str(folder / ".zig-cache")}
    result = subprocess.run(
        [sys.executable, "-m", "ziglang", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        problem = result.stderr.strip()[-500:]
        raise Mnv3genError(f"zig {arguments[0]} cannot build what is to be measured: {problem}")

"""The numbered phases from a graph to machine code: read `compile_kernels` to see them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from mnv3gen.compile.kernel import Kernel, read_kernel
from mnv3gen.compile.passes.expose_c_abi import expose_c_abi
from mnv3gen.compile.passes.fuse_kernels import fuse_kernels
from mnv3gen.compile.passes.hoist_temporaries import hoist_temporaries
from mnv3gen.compile.passes.lower_kernels import lower_kernels
from mnv3gen.compile.passes.name_kernels import name_kernels
from mnv3gen.compile.passes.schedule_kernels import schedule_kernels
from mnv3gen.compile.program import Program, read_program
from mnv3gen.graph.graph import Graph
from mnv3gen.lower.relax import to_relax
from mnv3gen.lower.resize import legalize_resize
from mnv3gen.targets import Target

if TYPE_CHECKING:
    import tvm

Observer = Callable[[str], None]

LEGALIZATIONS = {"relax.image.resize2d": legalize_resize}  # in place of TVM's own


@dataclass(frozen=True)
class Kernels:
    """What code generation gives: the kernels by name, the calls in order, and the object file."""

    kernels: Mapping[str, Kernel]
    program: Program


def compile_kernels(
    graph: Graph,
    weights: Mapping[str, npt.NDArray[Any]],
    target: Target,
    prefix: str,
    object_file: Path,
    observe: Observer = lambda phase: None,
    dump: Path | None = None,
) -> Kernels:
    """Write a graph's kernels for a target to `object_file`, as symbols `<prefix>_<kernel>`.

    `observe` is called with each phase's name before it starts; `dump` is an existing folder that
    gets the IR after each.
    """
    from tvm.relax.transform import FuseTIR, LegalizeOps
    from tvm.target import Target as TvmTarget
    from tvm.tirx.transform import BindTarget, LowerIntrin, LowerTVMBuiltin

    phases = Phases(observe, dump)
    tvm_target = TvmTarget(target.tvm_dict())
    with tvm_target:
        module = phases.run("lower", lambda _: to_relax(graph, weights), None)
        module = phases.run("fuse-kernels", fuse_kernels(), module)
        module = phases.run("name-kernels", name_kernels(), module)
        kernels = {name: read_kernel(module[name]) for name in _kernel_names(module)}
        module = phases.run("legalize", LegalizeOps(LEGALIZATIONS), module)
        module = phases.run("fuse-tir", FuseTIR(), module)
        calls, module = _split(module)
        module = phases.run("schedule", schedule_kernels(kernels, target.core), module)
        module = phases.run("hoist-temporaries", hoist_temporaries(), module)
        program = read_program(calls, {name: module[name] for name in kernels})
        module = BindTarget(tvm_target.with_host(tvm_target))(module)
        module = phases.run("lower-kernels", lower_kernels(), module)
        module = phases.run("expose-c-abi", expose_c_abi(prefix, tvm_target), module)
        module = phases.run("lower-builtins", LowerTVMBuiltin(), module)
        module = phases.run("lower-intrinsics", LowerIntrin(), module)
        code = phases.run("generate-code", lambda it: _generate(it, tvm_target), module)
    code.write_to_file(str(object_file))
    return Kernels(kernels, program)


class Phases:
    """Runs phases one after the other, numbered from 1, telling and dumping each."""

    def __init__(self, observe: Observer, dump: Path | None) -> None:
        self.observe = observe
        self.dump = dump
        self.number = 0

    def run(self, name: str, phase: Callable[[Any], Any], module: Any) -> Any:
        """The result of a phase."""
        self.observe(name)
        self.number += 1
        result = phase(module)
        if self.dump is not None:
            for suffix, text in _texts(result).items():
                path = self.dump / f"{self.number:02d}-{name}{suffix}"
                path.write_text(text, encoding="utf-8")
        return result


def _texts(result: Any) -> dict[str, str]:
    """A module as TVMScript; machine code as LLVM IR and assembly."""
    import tvm

    if isinstance(result, tvm.IRModule):
        return {".py": result.script()}
    return {".ll": result.inspect_source("ll"), ".s": result.inspect_source("asm")}


def _kernel_names(module: tvm.IRModule) -> list[str]:
    names = (str(variable.name_hint) for variable in module.functions)
    return [name for name in names if name != "main"]


def _split(module: tvm.IRModule) -> tuple[Any, tvm.IRModule]:
    """The function `main`, which calls, and a module of the kernels, which compute."""
    import tvm

    functions = dict(module.functions.items())
    main = functions.pop(module.get_global_var("main"))
    return main, tvm.IRModule(functions)


def _generate(module: tvm.IRModule, target: Any) -> Any:
    import tvm

    return tvm.get_global_func("target.build.llvm")(module, target)

"""Schedule every kernel for a core, by the file of `schedules/` that is named after its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.schedules import schedule_for
from mnv3gen.targets import Core

if TYPE_CHECKING:
    import tvm


def schedule_kernels(
    kernels: dict[str, Kernel], core: Core
) -> Callable[[tvm.IRModule], tvm.IRModule]:
    """A function over a module of the PrimFuncs named in `kernels`.

    It is no TVM pass, since an error that crosses TVM's own code loses its class.
    """

    def transform(module: tvm.IRModule) -> tvm.IRModule:
        import tvm

        scheduled = {}
        for variable, function in module.functions.items():
            kernel = kernels[variable.name_hint]
            scheduled[variable] = schedule_for(kernel).apply(kernel, function, core)
        return tvm.IRModule(scheduled)

    return transform

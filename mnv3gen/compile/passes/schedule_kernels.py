"""Schedule every kernel for a core, by the file of `schedules/` that is named after its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.schedules import schedule_for
from mnv3gen.targets import Core

if TYPE_CHECKING:
    import tvm


def schedule_kernels(kernels: dict[str, Kernel], core: Core) -> Any:
    """A module pass over the PrimFuncs named in `kernels`."""
    from tvm.ir.transform import module_pass

    @module_pass(opt_level=0, name="ScheduleKernels")
    def transform(module: tvm.IRModule, _context: Any) -> tvm.IRModule:
        for variable, function in module.functions.items():
            kernel = kernels.get(variable.name_hint)
            if kernel is not None:
                scheduled = schedule_for(kernel).apply(kernel, function, core)
                module.update_func(variable, scheduled)
        return module

    return transform

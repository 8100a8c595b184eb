"""Schedule every kernel for a core, by the file of `schedules/` that is named after its kind.

What MetaSchedule found for a kernel comes before the rule of `any.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mnv3gen.compile.kernel import Kernel
from mnv3gen.compile.schedules import schedule_for
from mnv3gen.targets import Core

if TYPE_CHECKING:
    import tvm
    from tvm import tirx


def schedule_kernels(
    kernels: dict[str, Kernel], core: Core, found: Mapping[str, tirx.PrimFunc] | None = None
) -> Callable[[tvm.IRModule], tvm.IRModule]:
    """A function over a module of the PrimFuncs named in `kernels`.

    `found` has those that are scheduled already.

    It is no TVM pass, since an error that crosses TVM's own code loses its class.
    """

    def transform(module: tvm.IRModule) -> tvm.IRModule:
        import tvm

        scheduled = {}
        for variable, function in module.functions.items():
            name = str(variable.name_hint)
            if found is not None and name in found:
                scheduled[variable] = found[name]
            else:
                kernel = kernels[name]
                scheduled[variable] = schedule_for(kernel).apply(kernel, function, core)
        return tvm.IRModule(scheduled)

    return transform

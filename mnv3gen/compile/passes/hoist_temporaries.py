"""Make the tensors that a kernel keeps for itself parameters, so that they lie in the arena.

`run` never allocates: what is left inside of a kernel are its registers (scope "local").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvm import tirx


def hoist_temporaries() -> Any:
    """A PrimFunc pass; the new parameters follow the output, in the order of allocation."""
    from tvm.tirx.transform import prim_func_pass

    @prim_func_pass(opt_level=0, name="HoistTemporaries")
    def transform(function: tirx.PrimFunc, _module: Any, _context: Any) -> tirx.PrimFunc:
        return _hoisted(function)

    return transform


def _hoisted(function: tirx.PrimFunc) -> tirx.PrimFunc:
    from tvm import s_tir, tirx

    root = function.body.block
    temporaries = [buffer for buffer in root.alloc_buffers if buffer.scope() == "global"]
    if not temporaries:
        return function
    kept = [buffer for buffer in root.alloc_buffers if buffer.scope() != "global"]
    block = s_tir.SBlock([], [], [], root.name_hint, root.body, alloc_buffers=kept)
    body = s_tir.SBlockRealize([], True, block)
    parameters = [*function.params, *temporaries]
    return tirx.PrimFunc(parameters, body, function.ret_type).with_attrs(function.attrs)

"""Give every fused function the name of what it computes, and make equal ones one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnv3gen.compile.kernel import read_kernel

if TYPE_CHECKING:
    import tvm


def name_kernels() -> Any:
    """A module pass; functions of one name compute the same, so one of them is kept."""
    from tvm.ir.transform import module_pass

    @module_pass(opt_level=0, name="NameKernels")
    def transform(module: tvm.IRModule, _context: Any) -> tvm.IRModule:
        return _renamed(module)

    return transform


def _renamed(module: tvm.IRModule) -> tvm.IRModule:
    import tvm
    from tvm import relax

    variables: dict[str, Any] = {}
    functions: dict[Any, Any] = {}
    renamed: dict[Any, Any] = {}
    for variable, function in module.functions.items():
        if variable.name_hint == "main":
            continue
        name = read_kernel(function).name
        if name not in variables:
            variables[name] = tvm.ir.GlobalVar(name)
            tvm.relax.expr._update_type(variables[name], variable.ty)
            functions[variables[name]] = function
        renamed[variable.name_hint] = variables[name]

    @relax.expr_functor.mutator
    class Renamer(relax.PyExprMutator):  # type: ignore[misc]
        def visit_global_var_(self, variable: Any) -> Any:
            return renamed.get(variable.name_hint, variable)

    main = module.get_global_var("main")
    return tvm.IRModule({main: Renamer().visit_expr(module["main"]), **functions})
